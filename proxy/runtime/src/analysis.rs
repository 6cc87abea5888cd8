//! What can be said about an artifact before it is compiled. Every fault is listed, not only the
//! first, since each costs the author a round.

use crate::host::interface_name;
use crate::settings::{CAPABILITIES, RuntimeSettings};
use wasmparser::{ComponentExternalKind, Parser, Payload, Validator, WasmFeatures};

/// Functions of all core modules together.
const FUNCTIONS_MAX: u64 = 100_000;
/// Interfaces of this package at a compatible version are ours to check by name.
const PACKAGE: &str = "switchyard:filter/";

#[derive(Default)]
struct Findings {
    imports: Vec<String>,
    exports: Vec<String>,
    functions: u64,
}

/// Faults that make it no filter for this node; empty when it may be compiled.
pub(crate) fn faults(settings: &RuntimeSettings, wasm: &[u8]) -> Vec<String> {
    let bytes_max = settings.artifact_bytes_max;
    if wasm.len() as u64 > bytes_max {
        return vec![format!("it has {} bytes, at most {bytes_max} are taken", wasm.len())];
    }
    if Parser::is_core_wasm(wasm) {
        return vec!["it is a core wasm module, not a component: build it with `switchyard filter build`".into()];
    }
    if !Parser::is_component(wasm) {
        return vec!["it is not a WebAssembly component: its first bytes are others".into()];
    }
    let mut validator = Validator::new_with_features(WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL);
    if let Err(error) = validator.validate_all(wasm) {
        return vec![format!("it is not a valid component: {error}")];
    }
    match read(wasm) {
        Ok(findings) => judge(settings, &findings),
        Err(error) => vec![format!("it could not be read: {error}")],
    }
}

/// Top-level imports and exports; functions of everything inside.
fn read(wasm: &[u8]) -> wasmparser::Result<Findings> {
    let mut findings = Findings::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::FunctionSection(section) => findings.functions += u64::from(section.count()),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    findings.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        findings.exports.push(export.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(findings)
}

fn judge(settings: &RuntimeSettings, findings: &Findings) -> Vec<String> {
    let mut faults = Vec::new();
    for import in &findings.imports {
        let capability = capability(import);
        match capability {
            // Types carry no capability.
            Some("types") => {}
            Some(name) if settings.grants.iter().any(|grant| grant == name) => {}
            Some(name) if CAPABILITIES.contains(&name) => {
                faults.push(format!("it imports {import}, and the capability {name:?} is not granted on this node"));
            }
            _ => faults.push(format!("it imports {import}, which does not exist here; there are {CAPABILITIES:?}")),
        }
    }
    let handler = interface_name("handler");
    if !findings.exports.iter().any(|export| capability(export) == Some("handler")) {
        faults.push(format!("it does not export {handler}"));
    }
    if findings.functions > FUNCTIONS_MAX {
        faults.push(format!("it has {} functions, at most {FUNCTIONS_MAX} are taken", findings.functions));
    }
    faults
}

/// `switchyard:filter/log@0.1.3` -> `log`.
fn capability(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    version.starts_with("0.1.").then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(wat: &str) -> Vec<String> {
        let settings = RuntimeSettings { grants: vec!["log".into()], ..RuntimeSettings::new("unused".into(), vec![]) };
        faults(&settings, &wat::parse_str(wat).expect("parses"))
    }

    #[test]
    fn every_fault_is_named() {
        let faults = faults_of(
            r#"(component
                (import "switchyard:filter/log@0.1.0" (instance))
                (import "switchyard:filter/clock@0.1.0" (instance))
                (import "wasi:filesystem/types@0.2.0" (instance)))"#,
        );
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("not granted") && faults[0].contains("clock"));
        assert!(faults[1].contains("wasi:filesystem/types@0.2.0") && faults[1].contains("does not exist"));
        assert!(faults[2].contains("does not export switchyard:filter/handler@0.1.0"));
    }

    #[test]
    fn what_is_no_component_is_said_to_be_none() {
        assert!(faults_of("(module)")[0].contains("core wasm module"));
        let settings = RuntimeSettings::new("unused".into(), vec![]);
        assert!(faults(&settings, b"GIF89a")[0].contains("not a WebAssembly component"));
        assert!(faults(&settings, b"")[0].contains("not a WebAssembly component"));
        let mut cut_off = wat::parse_str("(component (core module (func) (func)))").expect("parses");
        cut_off.truncate(cut_off.len() - 3);
        assert!(faults(&settings, &cut_off)[0].contains("not a valid component"));
        let small = RuntimeSettings { artifact_bytes_max: 4, ..settings };
        assert!(faults(&small, b"12345")[0].contains("at most 4"));
    }
}
