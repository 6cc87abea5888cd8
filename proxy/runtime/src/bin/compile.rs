//! The limited process that compiles, as a program of its own for the tests of this crate.

fn main() -> std::process::ExitCode {
    let job = std::env::args().next_back().unwrap_or_default();
    switchyard_runtime::compile::child_main(&job)
}
