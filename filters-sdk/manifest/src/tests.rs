//! Manifests and components, good and bad.

use crate::{Capability, HANDLER_EXPORT, Kind, Manifest, SECTION, surface};
use insta::assert_snapshot;

const GOOD: &str = r#"
name = "api-key"
version = "1.4.0"
type = "security"
description = "Refuses requests without a known key."
capabilities = ["log", "clock"]
[limits]
deadline_ms = 5
"#;

/// A component of the given manifest section and imports that exports what it must.
fn component(manifest: &str, imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import {name:?} (instance))")).collect();
    let exports: String = exports.iter().map(|name| format!("(export {name:?} (instance 0))")).collect();
    let holder = if imports.is_empty() { "(import \"switchyard:filter/types@0.1.0\" (instance))" } else { "" };
    let section = format!("(@custom {SECTION:?} {manifest:?})");
    wat::parse_str(format!("(component {holder} {imports} {exports} {section})")).expect("the test's text is sound")
}

fn faults(text: &str) -> String {
    Manifest::parse(text).expect_err("refused").faults.join("\n")
}

#[test]
fn a_good_manifest_reads_and_writes_back() {
    let manifest = Manifest::parse(GOOD).expect("good");
    assert_eq!(manifest.name.as_str(), "api-key");
    assert_eq!(manifest.version.as_str(), "1.4.0");
    assert_eq!(manifest.kind, Kind::Security);
    assert_eq!(manifest.capabilities, [Capability::Log, Capability::Clock].into());
    assert_eq!(manifest.limits.deadline_ms, Some(5));
    assert_eq!(manifest.limits.memory_bytes_max, None);
    assert_eq!(Manifest::parse(&manifest.to_toml()), Ok(manifest));
}

#[test]
fn every_fault_is_named() {
    let text = r#"
        name = "Api Key"
        version = "1.4"
        typ = "security"
        descripton = "a"
        capabilities = ["logs", "fly", 3]
        zebra = 1
        [limits]
        deadline_ms = 0
        deadline = 5
        log_lines_max = 4294967296
        host_calls_max = "many"
    "#;
    assert_snapshot!(faults(text));
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert_snapshot!(faults("name = \"a\"\nversion = "), @"line 2: string values must be quoted, expected literal string");
    assert_snapshot!(faults("limits = 3\ndescription = [1]\ncapabilities = {}\n"));
    assert_snapshot!(faults(&" ".repeat(70_000)), @"it has 70000 bytes, at most 65536 are read");
}

#[test]
fn a_component_gives_its_manifest() {
    let bytes = component(GOOD, &["switchyard:filter/types@0.1.0", "switchyard:filter/log@0.1.2"], &[HANDLER_EXPORT]);
    assert_eq!(Manifest::from_component(&bytes), Manifest::parse(GOOD));
    assert_eq!(surface(&bytes).expect("sound").capabilities(), (vec![Capability::Log], vec![]));
}

#[test]
fn a_component_is_held_against_its_manifest() {
    let imports = ["switchyard:filter/random@0.1.0", "switchyard:filter/log@0.2.0", "wasi:cli/stdout@0.2.0"];
    let error = Manifest::from_component(&component(&GOOD.replace("1.4.0", "1"), &imports, &["other"]));
    assert_snapshot!(error.expect_err("refused").faults.join("\n"));
    let error = Manifest::from_component(&component(GOOD, &imports[..1], &[HANDLER_EXPORT]));
    assert_snapshot!(error.expect_err("refused"), @r#"the filter manifest is refused: capabilities: "random" is imported but not listed"#);
}

#[test]
fn what_is_no_component_is_refused() {
    let refused = |bytes: &[u8]| Manifest::from_component(bytes).expect_err("refused").to_string();
    assert_snapshot!(refused(b""));
    assert_snapshot!(refused(b"hello, I am a zip file"));
    assert_snapshot!(refused(&wat::parse_str("(module)").expect("sound")));
    assert_snapshot!(refused(&wat::parse_str("(component)").expect("sound")));
    // A section of a nested component is not the manifest of the outer one.
    let nested = format!("(component (component (@custom {SECTION:?} {GOOD:?})))");
    assert_snapshot!(refused(&wat::parse_str(nested).expect("sound")));
}

#[test]
fn no_damage_panics() {
    let bytes = component(GOOD, &["switchyard:filter/log@0.1.0"], &[HANDLER_EXPORT]);
    for end in 0..bytes.len() {
        let _ = Manifest::from_component(&bytes[..end]);
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[end] ^= 1 << bit;
            let _ = Manifest::from_component(&damaged);
        }
    }
}
