//! `switchyard-loadtest`: see `--help`.

use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use switchyard_loadtest::load::{self, Scenario, Stop};

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

/// Whether all went as it should.
fn perform(command: Command, stop: &Stop) -> Result<bool, Box<dyn std::error::Error>> {
    match command {
        Command::Run { scenario, address, json } => {
            let outcome = load::run(&Scenario::read(&scenario)?, address, stop)?.summary();
            if json {
                println!("{}", serde_json::to_string_pretty(&outcome)?);
            } else {
                println!("{outcome}");
            }
            Ok(outcome.failed == 0)
        }
    }
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
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
