//! What an inspection says of components that are laid out badly.

use crate::{BuildError, inspect};
use insta::assert_snapshot;
use switchyard_filter_manifest::{HANDLER_EXPORT, SECTION};

const MANIFEST: &str = r#"
name = "odd"
version = "1.0.0"
type = "monitoring"
description = "For tests."
capabilities = ["log"]
"#;

/// A component around core modules, with a handler that has no functions.
fn component(modules: &str) -> Vec<u8> {
    let text = format!(
        "(component {modules} (instance $handler) (export {HANDLER_EXPORT:?} (instance $handler))
         (@custom {SECTION:?} {MANIFEST:?}))"
    );
    wat::parse_str(text).expect("the test's text is sound")
}

#[test]
fn a_bad_layout_is_warned_of() {
    let stack_behind = r#"(core module
        (memory 3) (memory 1) (global (mut i32) (i32.const 1048576)) (data (i32.const 1024) "abc")
        (func (export "_initialize") (drop (memory.grow (i32.const 1)))))"#;
    let inspection = inspect(&component(stack_behind)).expect("a component");
    assert_snapshot!(inspection.warnings.join("\n"));
    assert!(inspection.layout.grows_memory);
}

#[test]
fn a_large_stack_and_much_data_are_warned_of() {
    let data = "x".repeat(40 << 10);
    let module = format!(
        r#"(core module (memory 2) (global (mut i32) (i32.const 1048576)) (data (i32.const 1048576) "{data}"))"#
    );
    assert_snapshot!(inspect(&component(&module)).expect("a component").warnings.join("\n"));
}

#[test]
fn an_inspection_reads_well_and_is_json() {
    let inspection = inspect(&component("")).expect("a component");
    assert_snapshot!(inspection.to_string());
    assert_snapshot!(serde_json::to_string_pretty(&inspection).expect("JSON"));
}

#[test]
fn what_is_no_filter_has_no_inspection() {
    assert!(matches!(inspect(b"\0asm"), Err(BuildError::Surface(_))));
    assert!(matches!(inspect(&wat::parse_str("(component)").expect("sound")), Err(BuildError::Surface(_))));
}
