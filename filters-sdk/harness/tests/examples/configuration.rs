//! Configurations that do not fit are refused before any request, with a reason.

use crate::{filter, refusal};
use insta::assert_snapshot;

#[test]
fn a_wrong_configuration_says_why() {
    let refusals = [
        ("headers", "{"),
        ("headers", r#"{ "requests": {} }"#),
        ("headers", r#"{ "request": { "set": { "a b": "c" } } }"#),
        ("api-key", "{}"),
        ("api-key", r#"{ "keys": {} }"#),
        ("api-key", r#"{ "keys": { "bob": "short" } }"#),
        ("redact", r#"{ "fields": [] }"#),
        ("body", r#"{ "request": "eat" }"#),
        ("bench", r#"{ "a": 1 }"#),
    ];
    let lines = refusals.map(|(name, config)| format!("{name} {config}\n  {}", refusal(name, config)));
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_filter_without_configuration_takes_nothing() {
    for nothing in ["{}", "null", "", " { } \n"] {
        assert!(filter("bench", nothing).exchange().request(&[]).is_ok(), "{nothing:?}");
    }
}
