//! The example filters, run in the real host.

mod bad;
mod bodies;
mod configuration;
mod heads;
mod memory;

use std::sync::LazyLock;
use switchyard_filter_test::{Filter, FilterLimits, Host, Isolation, Refusal};

/// One engine for the whole test program.
static HOST: LazyLock<Host> = LazyLock::new(|| Host::start(env!("CARGO_BIN_EXE_switchyard-filter-test-compile")));

fn component(name: &str) -> Vec<u8> {
    switchyard_filter_build::example(name).expect("the example builds")
}

/// An example with its configuration, a fresh instance for each exchange.
fn filter(name: &str, config: &str) -> Filter {
    HOST.filter(&component(name), config).expect("the example serves")
}

fn reused(name: &str, config: &str) -> Filter {
    HOST.filter_with(&component(name), config, Isolation::Reused, FilterLimits::default()).expect("the example serves")
}

/// Why an example does not serve.
fn refusal(name: &str, config: &str) -> String {
    match HOST.filter(&component(name), config) {
        Ok(_) => panic!("{name} takes {config}"),
        Err(Refusal::Load(error)) => error.to_string(),
        Err(Refusal::Prepare(error)) => error.to_string(),
    }
}
