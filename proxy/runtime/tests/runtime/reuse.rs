//! `reused` isolation: an instance serves many exchanges of one binding, and is replaced when it
//! should be.

use crate::guest::Guest;
use crate::host::{Host, begin, headers, host, host_with, request, spec};
use std::sync::Arc;
use switchyard_contract::snapshot::Isolation;
use switchyard_runtime::{BindingSpec, Fault, HookError, Prepared};

fn reused(host: &Host, guest: &Guest, tenant: &str) -> Arc<Prepared> {
    let spec = BindingSpec { isolation: Isolation::Reused, ..spec(tenant) };
    host.prepare(&guest.build(), spec).expect("prepares")
}

/// Traps on the request whose number (in its instance) is the body's constant.
fn traps_on(number: i64) -> Guest {
    Guest::default().hook(
        "on-request",
        &format!("(if (i64.eq (local.get 0) (i64.const {number})) (then unreachable)) i32.const 1024"),
    )
}

#[test]
fn exchanges_share_an_instance_and_are_numbered() {
    let host = host();
    let prepared = reused(&host, &traps_on(3), "acme");
    assert!(begin(&prepared).on_request(&request(&headers(&[])), true).is_ok());
    assert!(begin(&prepared).on_request(&request(&headers(&[])), true).is_ok());
    assert_eq!(prepared.instances_live(), 1);
    let third = begin(&prepared).on_request(&request(&headers(&[])), true);
    assert!(matches!(third, Err(HookError::Fault(Fault::Trap { .. }))), "{third:?}");
    assert!(begin(&prepared).on_request(&request(&headers(&[])), true).is_ok(), "a new instance counts from one");
    drop(prepared);
    assert_eq!(host.runtime.stats().instances_live, 0);
}

#[test]
fn a_fault_of_one_exchange_discards_the_instance_for_the_others() {
    let host = host();
    let prepared = reused(&host, &traps_on(2), "acme");
    let mut first = begin(&prepared);
    assert!(first.on_request(&request(&headers(&[])), false).is_ok());
    let mut second = begin(&prepared);
    assert!(second.on_request(&request(&headers(&[])), false).is_err());
    let after = first.on_request_whole(b"");
    assert!(matches!(after, Err(HookError::Fault(Fault::Discarded))), "{after:?}");
}

#[test]
fn an_instance_is_replaced_after_its_share_of_exchanges() {
    let host = host_with(|settings| settings.reused_exchanges_max = 3);
    let prepared = reused(&host, &traps_on(4), "acme");
    for i in 0..20 {
        let decision = begin(&prepared).on_request(&request(&headers(&[])), true);
        assert!(decision.is_ok(), "exchange {i}: {decision:?}");
    }
}

#[test]
fn tenants_never_share_an_instance() {
    let host = host();
    let guest = Guest::default().item("(global $seen (mut i32) (i32.const 0))").hook(
        "on-request",
        "(global.set $seen (i32.add (global.get $seen) (i32.const 1)))
         (if (i64.ne (local.get 0) (i64.extend_i32_u (global.get $seen))) (then unreachable)) i32.const 1024",
    );
    let tenants = [reused(&host, &guest, "acme"), reused(&host, &guest, "globex")];
    for i in 0..2_000 {
        let decision = begin(&tenants[i % 2]).on_request(&request(&headers(&[])), true);
        assert!(decision.is_ok(), "exchange {i}: {decision:?}");
    }
}
