//! The limited process that compiles filters, as a program for tests.

fn main() -> std::process::ExitCode {
    let job = std::env::args().next_back().unwrap_or_default();
    switchyard_runtime::compile::child_main(&job)
}
