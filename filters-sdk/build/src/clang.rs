//! Compiles a C filter to a core module: bindings from the WIT text, the author's `src/*.c`, and a
//! small freestanding base (`c/`) in place of a C library.

use crate::BuildError;
use crate::build::Source;
use crate::rust::{STACK_BYTES, run};
use crate::toolchain::{TARGET, program, wasm_ld};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

const WIT: &str = include_str!("../../wit/filter.wit");
const WORLD: &str = "http-filter";
/// What the bindings generator calls the object that carries the world's types.
const TYPES_OBJECT: &str = "http_filter_component_type.o";

/// In place of a C library: headers and sources, by the names they are included with.
const BASE: &[(&str, &str)] = &[
    ("defaults.c", include_str!("../c/defaults.c")),
    ("memory.c", include_str!("../c/memory.c")),
    ("stdlib.h", include_str!("../c/stdlib.h")),
    ("string.h", include_str!("../c/string.h")),
    ("switchyard.h", include_str!("../c/switchyard.h")),
];

const FLAGS: &[&str] = &[
    "-std=c17",
    "-Os",
    "-gline-tables-only",
    "-ffreestanding",
    "-nostdlib",
    "-ffunction-sections",
    "-fvisibility=hidden",
    "-mbulk-memory",
    "-msign-ext",
    "-Wall",
    "-Wextra",
];

/// The author's sources, in a stable order; empty when there are none.
pub(crate) fn sources(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let src = folder.join("src");
    if !src.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&src).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries = entries.map_err(BuildError::file(&src, "listed"))?;
    let mut sources: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(|path| is_c(path)).collect();
    sources.sort();
    Ok(sources)
}

/// Intermediate files live in a folder of their own and go with it.
pub(crate) fn compile(source: &Source<'_>) -> Result<Vec<u8>, BuildError> {
    let (clang, linker) = tools()?;
    let out = tempfile::tempdir().map_err(BuildError::file(std::env::temp_dir(), "written to"))?;
    let mut units = sources(source.folder)?;
    units.extend(write_base(out.path())?);
    let mut objects = vec![out.path().join(TYPES_OBJECT)];
    for (number, unit) in units.iter().enumerate() {
        let object = out.path().join(format!("{number}.o"));
        let mut command = Command::new(&clang);
        command.arg(format!("--target={TARGET}")).args(FLAGS).arg("-I").arg(out.path());
        command.arg(format!("-ffile-prefix-map={}=.", source.folder.display()));
        command.arg(format!("-ffile-prefix-map={}=base", out.path().display()));
        command.arg(format!("-DSWITCHYARD_FILTER_VERSION=\"{}\"", source.version));
        run(with(command, &["-c"], unit, &object))?;
        objects.push(object);
    }
    let module = out.path().join("filter.wasm");
    let mut link = Command::new(&linker);
    link.args(["--no-entry", "--gc-sections", "--stack-first"]).args(["-z", &format!("stack-size={STACK_BYTES}")]);
    link.args(&objects).arg("-o").arg(&module);
    run(link)?;
    fs::read(&module).map_err(BuildError::file(module, "read"))
}

fn with(mut command: Command, arguments: &[&str], unit: &Path, object: &Path) -> Command {
    command.args(arguments).arg(unit).arg("-o").arg(object);
    command
}

fn tools() -> Result<(PathBuf, PathBuf), BuildError> {
    let missing = |what: &str| {
        BuildError::Toolchain(format!("{what} is not on the PATH; C filters need it: `apt-get install clang lld-19`"))
    };
    Ok((program("clang").ok_or_else(|| missing("clang"))?, wasm_ld().ok_or_else(|| missing("wasm-ld"))?))
}

/// Writes bindings and base into a folder and gives the sources among them.
fn write_base(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut files = Files::default();
    bindings(&mut files).map_err(|error| BuildError::Component(format!("the bindings for C: {error:#}")))?;
    for (name, text) in BASE {
        files.push(name, text.as_bytes());
    }
    let mut units = Vec::new();
    for (name, contents) in files.iter() {
        let path = folder.join(name);
        fs::write(&path, contents).map_err(BuildError::file(&path, "written"))?;
        units.extend(is_c(&path).then_some(path));
    }
    Ok(units)
}

fn bindings(files: &mut Files) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("filter.wit", WIT)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, files)
}

fn is_c(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "c")
}
