//! Text to `Written`: finds every fault of the file, not only the first, and remembers on which
//! line each key stands so that later checks can name it too.

use super::fault::Fault;
use super::written::Written;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// Line of every key that the file sets, by `section.key`.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<String, usize>);

impl Lines {
    pub fn of(&self, key: &str) -> Option<usize> {
        self.0.get(key).copied()
    }
}

/// Every key the file sets, or all that is wrong with it. Serde stops at the first fault; so a
/// faulty entry is noted, taken out, and the rest is read again.
pub fn read(text: &str) -> Result<(Written, Lines), Vec<Fault>> {
    let (mut document, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        let fault = |error: toml::de::Error| Fault {
            line: error.span().map(|span| line_at(text, span.start)),
            text: format!("this is not TOML: {}", error.message()),
        };
        return Err(syntax.into_iter().map(fault).collect());
    }
    let lines = lines(text, document.get_ref());
    let mut faults = Vec::new();
    loop {
        match Written::deserialize(Deserializer::from(document.clone())) {
            Ok(written) if faults.is_empty() => return Ok((written, lines)),
            Ok(_) => break,
            Err(error) => match take_out(document.get_mut(), error.span()) {
                Some(entry) => faults.push(explain(text, &entry, error.message())),
                // Unreachable as far as serde's spans go; the fault is still told.
                None => {
                    faults.push(Fault { line: None, text: error.message().to_owned() });
                    break;
                }
            },
        }
    }
    faults.sort_by_key(|fault| fault.line);
    Err(faults)
}

/// An entry that was taken out: where it stands and what it is called.
struct Entry {
    section: Option<String>,
    key: String,
    at: usize,
}

/// Removes the entry at `span`: a key of a section, or a whole section where that is what is wrong.
fn take_out(document: &mut DeTable<'_>, span: Option<Range<usize>>) -> Option<Entry> {
    let span = span?;
    let holds = |range: Range<usize>| range.start <= span.start && span.end <= range.end;
    let mut found = None;
    for (section, value) in document.iter() {
        if let Some(table) = value.get_ref().as_table() {
            let inside = table.iter().find(|(key, value)| holds(key.span()) || holds(value.span()));
            if let Some((key, _)) = inside {
                let section = section.get_ref().to_string();
                found = Some(Entry { section: Some(section), key: key.get_ref().to_string(), at: key.span().start });
                break;
            }
        }
        if holds(section.span()) || holds(value.span()) {
            found = Some(Entry { section: None, key: section.get_ref().to_string(), at: section.span().start });
        }
    }
    let entry = found?;
    match &entry.section {
        None => document.remove(entry.key.as_str()).map(drop),
        Some(section) => {
            let table = document.get_mut(section.as_str())?;
            let toml::de::DeValue::Table(table) = table.get_mut() else { return None };
            table.remove(entry.key.as_str()).map(drop)
        }
    }?;
    Some(entry)
}

/// Says what is wrong with the entry and what would do.
fn explain(text: &str, entry: &Entry, message: &str) -> Fault {
    let line = Some(line_at(text, entry.at));
    let known = known_keys();
    let key = &entry.key;
    let text = match &entry.section {
        None => match known.get(key) {
            Some(_) => format!("[{key}] is a section: {message}"),
            None => format!("there is no section [{key}]{}", nearest(key, known.keys())),
        },
        Some(section) => match known.get(section).and_then(|keys| keys.get(key)) {
            Some(default) => format!("{section}.{key}: {message}; the default is {default}"),
            None => {
                let elsewhere = known.iter().find(|(_, keys)| keys.contains_key(key));
                let advice = match (elsewhere, known.get(section)) {
                    (Some((other, _)), _) => format!("; it belongs in [{other}]"),
                    (None, Some(keys)) => nearest(key, keys.keys()),
                    (None, None) => String::new(),
                };
                format!("[{section}] has no key `{key}`{advice}")
            }
        },
    };
    Fault { line, text }
}

/// Sections, their keys and the defaults as TOML, from the defaults themselves.
fn known_keys() -> BTreeMap<String, BTreeMap<String, String>> {
    let Ok(toml::Value::Table(sections)) = toml::Value::try_from(Written::default()) else {
        return BTreeMap::new();
    };
    let keys = |value: toml::Value| match value {
        toml::Value::Table(keys) => keys.into_iter().map(|(key, value)| (key, value.to_string())).collect(),
        _ => BTreeMap::new(),
    };
    sections.into_iter().map(|(section, value)| (section, keys(value))).collect()
}

fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a String> + Clone) -> String {
    let close = known.clone().map(|name| (strsim::damerau_levenshtein(key, name), name)).min();
    match close {
        Some((distance, name)) if distance * 2 <= key.len().max(4) => format!("; did you mean `{name}`?"),
        _ => {
            let names: Vec<&str> = known.map(String::as_str).collect();
            format!("; known are {}", names.join(", "))
        }
    }
}

fn lines(text: &str, document: &DeTable<'_>) -> Lines {
    let mut lines = BTreeMap::new();
    for (section, value) in document {
        let Some(table) = value.get_ref().as_table() else { continue };
        for key in table.keys() {
            let path = format!("{}.{}", section.get_ref(), key.get_ref());
            lines.insert(path, line_at(text, Spanned::span(key).start));
        }
    }
    Lines(lines)
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> String {
        let faults = read(text).expect_err("the text was accepted");
        faults.iter().map(|fault| format!("{fault}\n")).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let told = faults(
            "[filters]\ndedline_ms = 5\nmemory_mib_max = \"16\"\n\n[admn]\nlisten = \"x\"\n\n[node]\nname = 7\n",
        );
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 4, "{told}");
        assert_eq!(lines[0], "line 2: [filters] has no key `dedline_ms`; did you mean `deadline_ms`?");
        assert!(lines[1].starts_with("line 3: filters.memory_mib_max: invalid type: string \"16\""), "{told}");
        assert_eq!(lines[2], "line 5: there is no section [admn]; did you mean `admin`?");
        assert!(lines[3].starts_with("line 9: node.name: invalid type: integer `7`, expected a string"), "{told}");
    }

    #[test]
    fn a_key_of_another_section_is_sent_there() {
        assert_eq!(
            faults("[edge]\ndeadline_ms = 5\n"),
            "line 2: [edge] has no key `deadline_ms`; it belongs in [filters]\n"
        );
    }

    #[test]
    fn a_key_like_no_other_gets_the_whole_list() {
        assert_eq!(faults("[store]\nwombat = 1\n"), "line 2: [store] has no key `wombat`; known are url\n");
    }

    #[test]
    fn broken_toml_and_duplicates_name_their_line() {
        assert!(faults("[node]\nname = \n").starts_with("line 2: this is not TOML: "));
        assert!(faults("[node]\nname = \"a\"\nname = \"b\"\n").starts_with("line 3: this is not TOML: duplicate key"));
        assert!(faults("node = 5\n").starts_with("line 1: [node] is a section: invalid type"));
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(read("").expect("empty is fine").0, Written::default());
    }
}
