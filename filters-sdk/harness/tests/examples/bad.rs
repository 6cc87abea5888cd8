//! The bad filter is stopped in every way it is bad.

use crate::{HOST, component, filter, refusal};
use insta::assert_snapshot;
use switchyard_filter_test::{Fault, FilterLimits, HookError, Isolation};

/// What becomes of a request under a bad filter with short limits.
fn fault(mode: &str) -> HookError {
    let limits = FilterLimits { deadline_ms: Some(50), ..FilterLimits::default() };
    let config = format!(r#"{{ "mode": "{mode}" }}"#);
    let filter = HOST.filter_with(&component("bad"), &config, Isolation::Fresh, limits).expect("it serves");
    filter.exchange().request(&[]).expect_err("it is bad")
}

#[test]
fn a_panic_traps_with_its_place() {
    let HookError::Fault(Fault::Trap { hook, frames, .. }) = fault("trap") else { panic!("no trap") };
    assert_eq!(hook, "on-request");
    let place = frames.iter().find(|frame| frame.file.as_deref().is_some_and(|file| file.contains("bad/src/lib.rs")));
    assert!(place.is_some_and(|frame| frame.line.is_some()), "{frames:#?}");
}

#[test]
fn every_other_way_has_its_name() {
    let kind = |mode| match fault(mode) {
        HookError::Fault(fault) => fault.kind(),
        HookError::Reject(_) => "reject",
    };
    let modes = ["recurse", "loop", "allocate", "fault", "invalid", "reject"];
    let kinds: Vec<String> = modes.iter().map(|mode| format!("{mode}: {}", kind(mode))).collect();
    assert_snapshot!(kinds.join("\n"));
}

#[test]
fn it_answers_500_where_asked() {
    let mut exchange = filter("bad", r#"{ "mode": "status500", "phase": "response" }"#).exchange();
    assert_eq!(exchange.request(&[]).unwrap(), "pass\n  set x-bad: good\n");
    assert!(exchange.response(200, &[]).unwrap().starts_with("replace 500"));
}

#[test]
fn it_is_bad_for_its_share() {
    let filter = filter("bad", r#"{ "mode": "status500", "share": 0.25 }"#);
    let bad = (0..400).filter(|_| filter.exchange().request(&[]).unwrap().starts_with("reply 500")).count();
    assert!((50..=150).contains(&bad), "{bad} of 400 at a share of 0.25");
}

#[test]
fn it_fails_to_prepare_where_asked() {
    assert_snapshot!(refusal("bad", r#"{ "mode": "fault", "phase": "configure" }"#), @"configure refused: bad on purpose");
    assert_snapshot!(refusal("bad", r#"{ "mode": "fault", "phase": "health" }"#), @"the filter is not healthy: bad on purpose");
    assert_snapshot!(refusal("bad", r#"{ "share": 2.0 }"#), @"configure refused: share: 2 is not between 0.0 and 1.0");
}
