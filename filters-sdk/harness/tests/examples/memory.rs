//! The guest's allocator gives back what it takes.

use crate::{HOST, component};
use switchyard_filter_test::{FilterLimits, Isolation};

/// An instance that leaked even 64 bytes an exchange would pass its limit long before the end.
#[test]
fn a_reused_instance_does_not_leak() {
    let limits = FilterLimits { memory_bytes_max: Some(256 << 10), ..FilterLimits::default() };
    for (name, config) in [("headers", r#"{ "request": { "set": { "x-a": "1" } } }"#), ("request-id", "{}")] {
        let filter =
            HOST.filter_with(&component(name), config, Isolation::Reused, limits.clone()).expect("the example serves");
        for _ in 0..5_000 {
            let mut exchange = filter.exchange();
            exchange.request(&[("x-request-id", "an-id-that-is-kept-from-the-request")]).unwrap();
            exchange.response(200, &[("server", "x")]).unwrap();
        }
    }
}
