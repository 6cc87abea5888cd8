//! `switchyard demo`: the main job on this machine, under traffic, from filters built here and now.

mod api;
mod filters;
mod load;
mod narrate;
mod origin;
mod stage;
mod story;
mod tally;

use crate::arguments::Globals;
use crate::client::Client;
use crate::config;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::world::World;
use crate::{limits, logging};
use narrate::Narrator;
use origin::Origin;
use stage::{Pace, Stage};
use story::Story;

/// Show the main job on this machine: deploy, roll out, break and roll back under traffic
///
/// Starts an origin, the whole product on free ports and a fresh temporary data folder, and keeps
/// traffic running while it deploys a version, rolls out the next one in steps, breaks a share of
/// the traffic with a bad version and rolls it back, splits A/B, and swaps versions 100 times. Every
/// answer is checked. The last line is `failed requests: 0 of N`; the exit code is 0 only then.
///
/// Filters are built from filters-sdk/examples of this source tree.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave everything running at the end and print the addresses and the admin token
    #[arg(long)]
    keep: bool,
    /// Fewer swaps and shorter looks
    #[arg(long)]
    quick: bool,
}

pub fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let folder = tempfile::Builder::new().prefix("switchyard-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::failed("make a temporary folder", error))?;
    let settings = config::demo().settings(Some(folder.path()))?;
    let _logging = logging::start(settings.log(), settings.log_lines_buffered_max);
    limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("start threads", error))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let mut narrator = Narrator::new(globals.json);
        let pace = if args.quick { Pace::QUICK } else { Pace::FULL };
        let built = tokio::select! {
            built = filters::build(&mut narrator) => built?,
            () = signals.stop() => return Err(interrupted()),
        };
        let origin = Origin::start().await.map_err(|error| Failure::failed("start the demo's origin", error))?;
        let world = World::start(settings).await?;
        let told = tokio::select! {
            told = tell(&world, &origin, built, &mut narrator, pace) => told,
            () = signals.stop() => Err(interrupted()),
        };
        if args.keep && told.is_ok() {
            keep(&world, &narrator, &mut signals).await?;
        }
        world.stop().await;
        told
    })
}

async fn tell(
    world: &World,
    origin: &Origin,
    built: filters::Built,
    narrator: &mut Narrator,
    pace: Pace,
) -> Result<(), Failure> {
    let client = Client::new(&format!("http://{}", world.admin_address()), world.data_dir().admin_token())?;
    let edge = world.edge.http_address().ok_or_else(|| Failure::failed("find the edge", "it does not listen"))?;
    let stage = Stage::new(&client, edge, origin.address, pace);
    let mut story = Story { stage, narrator };
    let told = story.tell(built).await;
    let (total, failed, reasons) = story.stage.end().await;
    for reason in reasons {
        narrator.say(format!("failed: {reason}"))?;
    }
    told?;
    narrator.verdict(total, failed)?;
    if failed > 0 {
        return Err(Failure::failed("keep every request served", format!("{failed} of {total} failed")));
    }
    Ok(())
}

async fn keep(world: &World, narrator: &Narrator, signals: &mut Signals) -> Result<(), Failure> {
    let token = world.data_dir().admin_token().unwrap_or_default();
    let http = world.edge.http_address().map(|address| address.to_string()).unwrap_or_default();
    narrator.say(format!("edge   http://{http}  (Host: shop.example or blog.example)"))?;
    narrator.say(format!("admin  http://{}", world.admin_address()))?;
    narrator.say(format!("token  {token}"))?;
    narrator.say(format!("try    switchyard --data-dir {} status", world.data_dir().path().display()))?;
    narrator.say("Ctrl-C ends it and removes its folder")?;
    signals.stop().await;
    Ok(())
}

fn interrupted() -> Failure {
    Failure::failed("finish the demo", "told to stop; everything it started is gone")
}
