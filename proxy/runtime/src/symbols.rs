//! From a trap's code offsets to functions, files and lines, read from the DWARF that the filter's
//! own file carries. A place is looked up once and remembered, so that trapping on purpose is cheap
//! for the host.

use crate::fault::Frame;
use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use parking_lot::Mutex;
use std::collections::HashMap;
use wasmparser::{Parser, Payload};

/// Places remembered per module; traps at further ones go without file and line.
const PLACES_MAX: usize = 128;
const FRAMES_MAX: usize = 16;

/// A frame as wasmtime reports it without debug information.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RawFrame {
    pub(crate) function: Option<String>,
    /// From the start of the component's file.
    pub(crate) offset: Option<usize>,
}

#[derive(Default)]
pub(crate) struct Symbols {
    places: Mutex<HashMap<usize, Vec<Frame>>>,
}

impl Symbols {
    /// `wasm` is asked for only when a place is new.
    pub(crate) fn resolve(&self, raw: &[RawFrame], wasm: impl FnOnce() -> Option<Vec<u8>>) -> Vec<Frame> {
        let raw = raw.get(..raw.len().min(FRAMES_MAX)).unwrap_or_default();
        let unknown: Vec<usize> = {
            let places = self.places.lock();
            let unknown = raw.iter().filter_map(|frame| frame.offset).filter(|offset| !places.contains_key(offset));
            unknown.take(PLACES_MAX.saturating_sub(places.len())).collect()
        };
        if !unknown.is_empty() {
            let wasm = wasm().unwrap_or_default();
            let found = look_up(&wasm, &unknown);
            self.places.lock().extend(found);
        }
        let places = self.places.lock();
        let of_frame = |frame: &RawFrame| match frame.offset.and_then(|offset| places.get(&offset)) {
            Some(frames) if !frames.is_empty() => frames.clone(),
            _ => vec![Frame { function: readable(frame.function.as_deref()), file: None, line: None }],
        };
        raw.iter().flat_map(of_frame).collect()
    }
}

fn readable(name: Option<&str>) -> String {
    name.map_or_else(|| "?".to_owned(), |name| format!("{:#}", rustc_demangle::demangle(name)))
}

/// Inlined calls give several frames for one offset, innermost first. Empty where nothing is known.
fn look_up(wasm: &[u8], offsets: &[usize]) -> Vec<(usize, Vec<Frame>)> {
    let modules = modules(wasm);
    let frames = |offset: usize| {
        let module = modules.iter().find(|module| module.code.contains(&offset))?;
        module.frames((offset - module.code.start) as u64)
    };
    offsets.iter().map(|offset| (*offset, frames(*offset).unwrap_or_default())).collect()
}

/// A core module inside the component.
#[derive(Default)]
struct CoreModule<'a> {
    /// Bytes of the file; DWARF addresses count from its start.
    code: std::ops::Range<usize>,
    sections: HashMap<&'a str, &'a [u8]>,
}

fn modules(wasm: &[u8]) -> Vec<CoreModule<'_>> {
    let mut modules: Vec<CoreModule<'_>> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload {
            Ok(Payload::ModuleSection { .. }) => modules.push(CoreModule::default()),
            Ok(Payload::CodeSectionStart { range, .. }) => {
                if let Some(module) = modules.last_mut() {
                    module.code = range;
                }
            }
            Ok(Payload::CustomSection(section)) if section.name().starts_with(".debug_") => {
                if let Some(module) = modules.last_mut() {
                    module.sections.insert(section.name(), section.data());
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    modules
}

impl CoreModule<'_> {
    fn frames(&self, address: u64) -> Option<Vec<Frame>> {
        let section = |id: addr2line::gimli::SectionId| {
            let data = self.sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(EndianSlice::new(data, LittleEndian))
        };
        let context = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        let mut found = context.find_frames(address).skip_all_loads().ok()?;
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.as_ref().and_then(|name| name.raw_name().ok());
            let location = frame.location.as_ref();
            frames.push(Frame {
                function: readable(function.as_deref()),
                file: location.and_then(|location| location.file).map(str::to_owned),
                line: location.and_then(|location| location.line),
            });
        }
        Some(frames)
    }
}
