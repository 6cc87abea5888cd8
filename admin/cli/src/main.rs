//! The one binary: `switchyard serve`, `demo`, and every client command.

mod arguments;
mod client;
mod commands;
mod config;
mod data_dir;
mod demo;
mod failure;
mod limits;
mod logging;
mod output;
mod problem;
mod serve;
mod signals;
mod world;

use arguments::{Arguments, Command};
use clap::{CommandFactory, Parser};
use commands::{Context, filter};
use failure::Failure;
use output::Output;
use std::process::ExitCode;

/// Measured: about 9 % less CPU per request than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Compile { job } = &arguments.command {
        return switchyard_runtime::compile::child_main(job);
    }
    let json = arguments.globals.json;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = if json { format!("{}\n", failure.json()) } else { failure.text() };
            // There is no third place to say that stderr is gone.
            _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
            failure.code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    // The first provider of the process wins; this is the first thing that could install one.
    _ = rustls::crypto::ring::default_provider().install_default();
    let globals = arguments.globals;
    match arguments.command {
        Command::Serve(args) => serve::run(&args, &globals),
        Command::Demo(args) => demo::run(&args, &globals),
        Command::Filter(command) => filter::run(command, Output { json: globals.json }),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "switchyard", &mut std::io::stdout());
            Ok(())
        }
        Command::Client(command) => block_on(async { commands::run(command, &Context::of(&globals)?).await }),
        // Answered in `main`: the limited process does nothing else.
        Command::Compile { .. } => Ok(()),
    }
}

/// Client commands wait for one answer at a time: one thread is enough.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed("start", error))?.block_on(work)
}
