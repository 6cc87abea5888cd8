//! The limited process that compiles, as a program of its own for the tests of this crate; the
//! product runs the same function from its one binary.

fn main() -> std::process::ExitCode {
    let job = std::env::args().next_back().unwrap_or_default();
    switchyard_runtime::compile::child_main(&job)
}
