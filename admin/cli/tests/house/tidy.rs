//! How our files look: each says what it is, none leaves work behind for others, none grows beyond reading.

use crate::root;
use std::fs;
use std::path::{Path, PathBuf};

/// Above this a file is two files. Most are below 200.
const LINES_MAX: usize = 400;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// Folders that hold nothing written by us.
const NOT_OURS: &[&str] = &["target", "tmp", "data"];

/// Written in two halves, so that this file does not offend itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

struct Source {
    /// Relative to the root, with slashes.
    path: String,
    text: String,
}

/// All files with one of these extensions. Taken from disk and not from git, so that a source archive passes too.
fn sources(extensions: &[&str]) -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    collect(&root, extensions, &mut files);
    assert!(!files.is_empty(), "no {extensions:?} below {}", root.display());
    files
        .into_iter()
        .map(|file| Source {
            path: file.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned(),
            text: fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
        })
        .collect()
}

fn collect(folder: &Path, extensions: &[&str], into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                collect(&path, extensions, into);
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            into.push(path);
        }
    }
}

fn complain(offending: Vec<String>, rule: &str) {
    assert!(offending.is_empty(), "{rule}:\n{}", offending.join("\n"));
}

#[test]
fn every_rust_file_begins_by_saying_what_it_is() {
    let silent = sources(&["rs"]).into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    complain(silent.collect(), "files that do not begin with `//! `");
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished = sources(&["rs", "toml", "md", "wit", "sh", "c"]).into_iter().flat_map(|file| {
        let found = file.text.lines().enumerate().filter(|(_, line)| UNFINISHED.iter().any(|mark| line.contains(mark)));
        found.map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim())).collect::<Vec<_>>()
    });
    complain(unfinished.collect(), "marks of unfinished work");
}

#[test]
fn no_file_is_longer_than_one_reads() {
    let long = sources(&["rs"]).into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        let excepted = LONGER.iter().any(|(path, _)| *path == file.path);
        (lines > LINES_MAX && !excepted).then(|| format!("{}: {lines} lines", file.path))
    });
    complain(long.collect(), "files of more than 400 lines; split them, or give a reason in LONGER");
}

#[test]
fn no_test_is_switched_off() {
    let mark = concat!("#[ig", "nore");
    let ignored = sources(&["rs"]).into_iter().filter(|file| file.text.contains(mark)).map(|file| file.path);
    complain(ignored.collect(), "ignored tests");
}
