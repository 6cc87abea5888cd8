//! `switchyard serve`: runs the world until it is told to stop.

use crate::arguments::Globals;
use crate::config;
use crate::failure::Failure;
use crate::output::print;
use crate::signals::{Signals, Told};
use crate::world::World;
use crate::{limits, logging};
use serde_json::json;
use std::path::PathBuf;

/// Run the proxy and the admin plane in this process
///
/// All state is in the data folder; the first start writes an admin token there. SIGTERM or Ctrl-C
/// stops gracefully: running requests are finished, an idle server stops at once; a second one stops
/// at once. SIGHUP loads changed certificates.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file [default: conf/switchyard.toml where it exists, else built-in defaults]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn run(args: &Args, globals: &Globals) -> Result<(), Failure> {
    let settings = config::load(args.config.as_deref())?.settings(globals.data_dir.as_deref())?;
    let _logging = logging::start(settings.log(), settings.log_lines_buffered_max);
    limits::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("admin")
        .build()
        .map_err(|error| Failure::failed("start threads", error))?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let world = World::start(settings).await?;
        tell(&world, globals.json)?;
        while signals.next().await == Told::Reload {
            reload(&world);
        }
        tracing::info!("stopping: running requests are finished first");
        tokio::select! {
            () = world.stop() => Ok(()),
            () = signals.stop() => Err(Failure::failed("finish running requests", "told to stop a second time")),
        }
    })
}

fn reload(world: &World) {
    match world.edge.reload_certificates() {
        Ok(true) => tracing::info!("certificates reloaded"),
        Ok(false) => tracing::info!("no certificate file has changed"),
        Err(error) => tracing::error!(%error, "certificates not reloaded; the old ones stay"),
    }
}

/// Where everything is, as one block.
fn tell(world: &World, as_json: bool) -> Result<(), Failure> {
    let (http, https) = (world.edge.http_address(), world.edge.https_address());
    let (admin, data_dir) = (world.admin_address(), world.data_dir().path());
    let token = world.data_dir().token_path();
    if as_json {
        let told = json!({ "http": http, "https": https, "admin": admin, "dataDir": data_dir, "adminToken": token });
        return print(&format!("{told}\n"));
    }
    let listens = |scheme: &str, address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "off".to_owned(), |address| format!("{scheme}://{address}"))
    };
    print(&format!(
        "switchyard {} is serving\n  http   {}\n  https  {}\n  admin  http://{admin}\n  token  {}\n  data   {}\n",
        env!("CARGO_PKG_VERSION"),
        listens("http", http),
        listens("https", https),
        token.display(),
        data_dir.display(),
    ))
}
