//! What a filter may not do to the host: run too long, take too much, or fail and be called again.

use crate::guest::Guest;
use crate::host::{Host, begin, headers, host, host_with, request, response, spec};
use std::time::{Duration, Instant};
use switchyard_contract::snapshot::FilterLimits;
use switchyard_runtime::{BindingSpec, Fault, HookError, PrepareError};

const NOTHING: &str = "i32.const 1024";
const LOOP: &str = "(loop (br 0)) unreachable";
const RECURSE: &str = "(func $deep (call $deep))";

fn fault_of_request(host: &Host, guest: &Guest) -> Fault {
    let prepared = host.ready(&guest.build());
    let mut exchange = begin(&prepared);
    match exchange.on_request(&request(&headers(&[])), true) {
        Err(HookError::Fault(fault)) => fault,
        other => panic!("expected a fault, got {other:?}"),
    }
}

#[test]
fn a_loop_ends_at_its_deadline_and_not_before() {
    let host = host_with(|settings| settings.deadline_ms = 20);
    let prepared = host.ready(&Guest::default().hook("on-request", LOOP).build());
    let mut exchange = begin(&prepared);
    let start = Instant::now();
    let fault = exchange.on_request(&request(&headers(&[])), true);
    let took = start.elapsed();
    assert!(matches!(fault, Err(HookError::Fault(Fault::Deadline { deadline_ms: 20, .. }))), "{fault:?}");
    assert!(took >= Duration::from_millis(19), "{took:?}");
    // The bound is 10 ms past the budget; a machine that is busy with other tests may be
    // descheduled for longer than that, so the test only tells it from "never".
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn every_hook_is_bounded() {
    let host = host();
    let empty = headers(&[]);
    for hook in ["on-request-chunk", "on-request-whole", "on-response", "on-response-chunk", "on-response-whole"] {
        let prepared = host.ready(&Guest::default().hook(hook, LOOP).build());
        let mut exchange = begin(&prepared);
        let fault = match hook {
            "on-request-chunk" => exchange.on_request_chunk(b"x", true).map(drop),
            "on-request-whole" => exchange.on_request_whole(b"x").map(drop),
            "on-response" => exchange.on_response(&response(&empty), true).map(drop),
            "on-response-chunk" => exchange.on_response_chunk(b"x", true).map(drop),
            _ => exchange.on_response_whole(b"x").map(drop),
        };
        assert!(matches!(fault, Err(HookError::Fault(Fault::Deadline { .. }))), "{hook}: {fault:?}");
    }
    let looping_configure = host.prepare(&Guest::default().hook("configure", LOOP).build(), spec("acme"));
    assert!(matches!(looping_configure, Err(PrepareError::Fault(Fault::Deadline { .. }))));
    let looping_health = host.prepare(&Guest::default().hook("health", LOOP).build(), spec("acme"));
    assert!(matches!(looping_health, Err(PrepareError::Fault(Fault::Deadline { .. }))));
}

#[test]
fn deep_recursion_is_a_trap() {
    let guest = Guest::default().item(RECURSE).hook("on-request", &format!("call $deep {NOTHING}"));
    let fault = fault_of_request(&host(), &guest);
    assert!(matches!(&fault, Fault::Trap { reason, .. } if reason.contains("stack")), "{fault:?}");
}

#[test]
fn memory_over_the_limit_is_called_by_its_name() {
    let host = host();
    let grow = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable)) i32.const 1024";
    let fault = fault_of_request(&host, &Guest::default().hook("on-request", grow));
    assert!(matches!(fault, Fault::Memory { memory_bytes_max: 16_777_216, .. }), "{fault:?}");
    // A guest that copes with the refusal goes on.
    let prepared = host
        .ready(&Guest::default().hook("on-request", "(drop (memory.grow (i32.const 1000))) i32.const 1024").build());
    assert!(begin(&prepared).on_request(&request(&headers(&[])), true).is_ok());
    // A binding may ask for less than one page: then not even the start is possible.
    let limits = FilterLimits { memory_bytes_max: Some(1_000), ..FilterLimits::default() };
    let small = host.prepare(&Guest::default().build(), BindingSpec { limits, ..spec("acme") });
    assert!(matches!(small, Err(PrepareError::Fault(Fault::Memory { .. }))), "{:?}", small.err());
}

#[test]
fn a_fault_ends_the_exchange_and_only_it() {
    let host = host();
    let prepared = host.ready(&Guest::default().hook("on-request", "unreachable").build());
    let mut exchange = begin(&prepared);
    let first = exchange.on_request(&request(&headers(&[])), false);
    assert!(matches!(first, Err(HookError::Fault(Fault::Trap { .. }))));
    let second = exchange.on_response(&response(&headers(&[])), true);
    assert!(matches!(second, Err(HookError::Fault(Fault::Trap { hook: "on-request", .. }))), "{second:?}");
    assert!(begin(&prepared).on_response(&response(&headers(&[])), true).is_ok());
}

#[test]
fn results_that_point_outside_the_memory_are_traps() {
    let host = host();
    for pointer in ["-1", "65535", "2147483647", "1025"] {
        let fault = fault_of_request(&host, &Guest::default().hook("on-request", &format!("i32.const {pointer}")));
        assert!(matches!(fault, Fault::Trap { .. }), "{pointer}: {fault:?}");
    }
    // A header list of 2^32 - 1 entries, and one whose entries lie outside. `pass` begins at byte 8.
    for (list, length) in [("8192", "-1"), ("-8", "2"), ("65528", "100")] {
        let body = format!(
            "(i32.store (i32.const 2056) (i32.const {list})) (i32.store (i32.const 2060) (i32.const {length})) i32.const 2048"
        );
        let fault = fault_of_request(&host, &Guest::default().hook("on-request", &body));
        assert!(matches!(fault, Fault::Trap { .. }), "{list} {length}: {fault:?}");
    }
}

#[test]
fn an_allocator_that_loops_or_lies_is_bounded() {
    let host = host();
    // The request line makes the host allocate in the guest; plan.request-line is byte 4 of `configured`.
    let asks_for_line = "(i32.store8 (i32.const 2052) (i32.const 1)) i32.const 2048";
    // Honest for the two bytes of the configuration, so that the guest can be prepared.
    let fault_of = |then: &str| {
        let allocator = format!("(if (i32.eq (local.get 3) (i32.const 2)) (then (return (i32.const 8192)))) {then}");
        fault_of_request(&host, &Guest::default().hook("configure", asks_for_line).allocator(&allocator))
    };
    let looping = fault_of(LOOP);
    assert!(matches!(looping, Fault::Deadline { .. }), "{looping:?}");
    for lie in ["i32.const -1", "i32.const 65535", "i32.const 0x7fffffff", "unreachable"] {
        let fault = fault_of(lie);
        assert!(matches!(fault, Fault::Trap { .. }), "{lie}: {fault:?}");
    }
}

#[test]
fn exhaustion_is_an_answer_and_passes() {
    let host = host_with(|settings| settings.instances_max = 3);
    let prepared = host.ready(&Guest::default().build());
    let held: Vec<_> = (0..3).map(|_| begin(&prepared)).collect();
    assert!(matches!(prepared.begin(4), Err(Fault::Exhausted { live: 3, max: 3 })));
    assert_eq!(prepared.exchanges_in_flight(), 3);
    drop(held);
    assert_eq!((prepared.exchanges_in_flight(), host.runtime.stats().instances_live), (0, 0));
    assert!(prepared.begin(5).is_ok());
}

#[test]
fn nothing_survives_in_a_fresh_instance() {
    let host = host_with(|settings| settings.instances_max = 1);
    // Writes to its memory, a global and traps unless everything was as at the start.
    let guest = Guest::default().item("(global $seen (mut i32) (i32.const 0))").hook(
        "on-request",
        "(if (i32.or (global.get $seen) (i32.load (i32.const 40000))) (then unreachable))
         (global.set $seen (i32.const 1)) (i32.store (i32.const 40000) (i32.const 77)) i32.const 1024",
    );
    let wasm = guest.build();
    let tenants = [host.ready(&wasm), host.prepare(&wasm, spec("globex")).expect("prepares")];
    for i in 0..10_000 {
        let mut exchange = begin(&tenants[i % 2]);
        let decision = exchange.on_request(&request(&headers(&[])), true);
        assert!(decision.is_ok(), "exchange {i}: {decision:?}");
    }
}
