//! Filters that look at bodies.

use crate::{HOST, filter, reused};
use insta::assert_snapshot;
use switchyard_filter_test::HookError;

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[test]
fn named_fields_are_redacted() {
    let filter = filter("redact", r#"{ "fields": ["password", "card"] }"#);
    let mut exchange = filter.exchange();
    assert_snapshot!(exchange.request(&[("accept-encoding", "gzip")]).unwrap(), @r"
    pass
      set accept-encoding: identity
      remove range
      remove if-range
    ");
    assert_snapshot!(exchange.response(200, &[JSON]).unwrap(), @"pass, body up to 1048576");
    let body = r#"{"user":"ada","password":"x\"}","cards":[{"card":{"n":1}},1.10]}"#;
    assert_snapshot!(exchange.response_body(body).unwrap(), @r#"
    replace {"user":"ada","password":"***","cards":[{"card":"***"},1.10]}
      remove accept-ranges
      remove content-digest
      remove content-md5
      remove digest
      remove repr-digest
    "#);
}

#[test]
fn what_cannot_be_redacted_does_not_pass_unseen() {
    let filter = filter("redact", r#"{ "fields": ["password"] }"#);
    let response = |headers: &[(&str, &str)]| {
        let mut exchange = filter.exchange();
        exchange.request(&[]).unwrap();
        exchange.response(200, headers).unwrap()
    };
    assert_eq!(response(&[("content-type", "text/html")]), "pass\n");
    assert!(response(&[JSON, ("content-encoding", "gzip")]).starts_with("replace 502"));
    assert!(response(&[JSON, ("content-encoding", "identity")]).starts_with("pass, body"));
    let mut exchange = filter.exchange();
    exchange.request(&[]).unwrap();
    exchange.response(200, &[JSON]).unwrap();
    let fault = exchange.response_body("{\"password\":").expect_err("no JSON");
    assert!(matches!(&fault, HookError::Fault(fault) if fault.kind() == "failed"), "{fault}");
}

#[test]
fn chunks_are_seen_and_changed() {
    let mut exchange = filter("body", r#"{ "request": "uppercase", "response": "hold" }"#).exchange();
    assert_eq!(exchange.request(&[]).unwrap(), "pass, chunks\n");
    assert_eq!(exchange.request_chunk("one ", false).unwrap(), "replace ONE ");
    assert_eq!(exchange.request_chunk("two", false).unwrap(), "replace TWO");
    assert_eq!(exchange.request_chunk("", true).unwrap(), "replace ");
    assert_snapshot!(exchange.response(200, &[]).unwrap(), @r"
    pass, chunks
      set x-request-chunks: 2
      set x-request-bytes: 7
    ");
    assert_eq!(exchange.response_chunk("a", false).unwrap(), "replace ");
    assert_eq!(exchange.response_chunk("b", true).unwrap(), "replace ab");
    assert!(HOST.recorded().iter().any(|line| line == "Info: end of a body chunks=2 bytes=7"));
}

#[test]
fn chunks_can_end_an_exchange() {
    let chunk = |mode: &str| {
        let mut exchange = filter("body", &format!(r#"{{ "request": "{mode}" }}"#)).exchange();
        exchange.request(&[]).unwrap();
        exchange.request_chunk("x", false)
    };
    assert_eq!(chunk("abort").unwrap(), "abort");
    assert_eq!(chunk("count").unwrap(), "keep");
    let rejected = chunk("reject").expect_err("rejected");
    assert!(matches!(&rejected, HookError::Reject(text) if text == "the body is wrong on purpose"), "{rejected}");
}

#[test]
fn a_whole_body_may_still_change_its_head() {
    let mut exchange = filter("body", r#"{ "request": "whole", "response": "whole", "body_bytes_max": 9 }"#).exchange();
    assert_eq!(exchange.request(&[]).unwrap(), "pass, body up to 9\n");
    assert_snapshot!(exchange.request_body("hello").unwrap(), @r"
    replace HELLO
      set x-body-bytes: 5
    ");
    exchange.response(200, &[]).unwrap();
    assert_snapshot!(exchange.response_body("").unwrap(), @r"
    replace 
      set x-body-bytes: 0
    ");
}

/// A body larger than the arena goes to grown memory, and comes back whole.
#[test]
fn bodies_larger_than_the_arena_pass() {
    let large = "x".repeat(300_000);
    for filter in [filter("body", r#"{ "request": "whole" }"#), reused("body", r#"{ "request": "whole" }"#)] {
        for _ in 0..3 {
            let mut exchange = filter.exchange();
            exchange.request(&[]).unwrap();
            let decision = exchange.request_body(&large).unwrap();
            assert!(decision.starts_with(&format!("replace {}\n", "X".repeat(300_000))));
        }
    }
}

#[test]
fn a_whole_body_can_be_answered() {
    let mut exchange = filter("body", r#"{ "request": "answer", "response": "answer" }"#).exchange();
    exchange.request(&[]).unwrap();
    assert!(exchange.request_body("four").unwrap().starts_with("reply 422"));
    let mut exchange = filter("body", r#"{ "response": "answer" }"#).exchange();
    exchange.request(&[]).unwrap();
    exchange.response(200, &[]).unwrap();
    assert!(exchange.response_body("four").unwrap().starts_with("reply 422"));
}
