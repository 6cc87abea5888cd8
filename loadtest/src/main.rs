//! `switchyard-loadtest`: see `--help`.

mod suite;

use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use switchyard_loadtest::compare::Places;
use switchyard_loadtest::load::{self, Scenario, Stop};
use switchyard_loadtest::{inflight, swap};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Load for HTTP services, and the measurements that Switchyard's README quotes.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send one scenario's load to an address and report.
    Run {
        /// A TOML file; see loadtest/scenarios.
        scenario: PathBuf,
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        json: bool,
    },
    /// CPU per request and latency of Switchyard and its peers, alternating.
    Compare {
        #[command(flatten)]
        compare: CompareArguments,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Deployments under constant load: failed requests, latency, memory.
    Swap {
        #[command(flatten)]
        swap: SwapArguments,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// Very many exchanges at once, each with a fresh instance.
    Inflight {
        #[command(flatten)]
        inflight: InflightArguments,
        #[command(flatten)]
        surroundings: Surroundings,
    },
    /// All three, and the goals beside the figures.
    Bench {
        #[command(flatten)]
        compare: CompareArguments,
        #[command(flatten)]
        swap: SwapArguments,
        #[command(flatten)]
        inflight: InflightArguments,
        #[command(flatten)]
        surroundings: Surroundings,
    },
}

#[derive(Args)]
struct CompareArguments {
    /// Each proxy is measured once in each round.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// How long one measurement takes.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    #[arg(long, default_value = "loadtest/scenarios/header-filter.toml")]
    compare_scenario: PathBuf,
    /// Only proxies whose name contains one of these; the base always runs.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

#[derive(Args)]
struct SwapArguments {
    #[arg(long, default_value_t = 1000)]
    deployments: u32,
    /// Deployments in each stretch that has any.
    #[arg(long, default_value_t = 50)]
    per_stretch: u32,
    #[arg(long, default_value_t = 5.0)]
    stretch_s: f64,
    #[arg(long, default_value = "loadtest/scenarios/swap.toml")]
    swap_scenario: PathBuf,
}

#[derive(Args)]
struct InflightArguments {
    #[arg(long, default_value_t = 30_000)]
    exchanges: u32,
    /// How long the origin holds each answer back.
    #[arg(long, default_value_t = 20.0)]
    hold_s: f64,
}

/// Where things are; the defaults fit `loadtest/bench`, run from the root.
#[derive(Args)]
struct Surroundings {
    /// Folder of `switchyard`, `bare-pingora` and `bench-origin` [default: where this program is]
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Folder of the filters that loadtest/bench builds.
    #[arg(long, default_value = "target/bench/artifacts")]
    artifacts: PathBuf,
    #[arg(long, default_value = "loadtest/peers")]
    peers: PathBuf,
    /// Where figures are written.
    #[arg(long, default_value = "loadtest/results")]
    results: PathBuf,
}

impl Surroundings {
    fn places(&self) -> Result<Places, Box<dyn Error>> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.parent().unwrap_or(Path::new(".")).to_owned());
        let programs = self.programs.clone().map_or_else(beside, Ok)?;
        // Peers run in folders of their own, so nothing here may depend on the working directory.
        let absolute = |path: &Path| {
            path.canonicalize()
                .map_err(|error| format!("{}: {error}; run loadtest/bench, which builds it", path.display()))
        };
        Ok(Places {
            programs: absolute(&programs)?,
            artifacts: absolute(&self.artifacts)?,
            peers: absolute(&self.peers)?,
        })
    }
}

impl SwapArguments {
    fn plan(&self) -> swap::Plan {
        swap::Plan {
            deployments: self.deployments,
            per_stretch: self.per_stretch.max(1),
            stretch: Duration::from_secs_f64(self.stretch_s.max(1.0)),
        }
    }
}

impl InflightArguments {
    fn plan(&self) -> inflight::Plan {
        inflight::Plan { exchanges: self.exchanges, hold: Duration::from_secs_f64(self.hold_s) }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = Stop::default();
    stop_on_interrupt(stop.clone());
    match perform(arguments.command, &stop) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Whether all went as it should: no failed request, not whether goals were met.
fn perform(command: Command, stop: &Stop) -> Result<bool, Box<dyn Error>> {
    match command {
        Command::Run { scenario, address, json } => run(&scenario, address, json, stop),
        Command::Compare { compare, surroundings } => suite::Suite::new(&surroundings, stop)?.compare(&compare),
        Command::Swap { swap, surroundings } => suite::Suite::new(&surroundings, stop)?.swap(&swap),
        Command::Inflight { inflight, surroundings } => suite::Suite::new(&surroundings, stop)?.in_flight(&inflight),
        Command::Bench { compare, swap, inflight, surroundings } => {
            suite::Suite::new(&surroundings, stop)?.all(&compare, &swap, &inflight)
        }
    }
}

fn run(scenario: &Path, address: SocketAddr, json: bool, stop: &Stop) -> Result<bool, Box<dyn Error>> {
    let outcome = load::run(&Scenario::read(scenario)?, address, stop)?.summary();
    if json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        println!("{outcome}");
    }
    Ok(outcome.failed == 0)
}

/// The first Ctrl-C ends the run and prints what there is; the second kills.
fn stop_on_interrupt(stop: Stop) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.now();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    });
}

/// An error with all its causes on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
