//! Answers on stdout: tables for people, the server's own JSON for programs.

use crate::failure::Failure;
use comfy_table::{Table, presets};
use serde_json::Value;
use std::io::Write;

/// What a column shows: its heading and where in a row's JSON its value stands.
pub struct Column {
    pub heading: &'static str,
    pub read: fn(&Value) -> String,
}

/// A column of the plain value at `pointer` (RFC 6901).
#[macro_export]
macro_rules! column {
    ($heading:literal, $pointer:literal) => {
        $crate::output::Column {
            heading: $heading,
            read: |row| $crate::output::plain(row.pointer($pointer).unwrap_or(&serde_json::Value::Null)),
        }
    };
    ($heading:literal, $read:expr) => {
        $crate::output::Column { heading: $heading, read: $read }
    };
}

/// Where a command's answer goes and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
}

impl Output {
    /// The answer as it is for programs, else what `text` makes of it.
    pub fn answer(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        let text = if self.json { format!("{answer:#}\n") } else { text(answer) };
        print(&text)
    }
}

/// A reader that went away (`switchyard audit list | head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed("write the answer", error)),
        _ => Ok(()),
    }
}

/// Rows under headings, or `nothing` where there are none.
pub fn table(rows: &[Value], columns: &[Column], nothing: &str) -> String {
    if rows.is_empty() {
        return format!("{nothing}\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|column| column.heading));
    for row in rows {
        table.add_row(columns.iter().map(|column| (column.read)(row)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// One thing: a heading and a value on each line.
pub fn fields(thing: &Value, columns: &[Column]) -> String {
    let width = columns.iter().map(|column| column.heading.len()).max().unwrap_or(0) + 2;
    columns.iter().map(|column| format!("{:width$}{}\n", column.heading, (column.read)(thing))).collect()
}

/// A JSON value for a cell: no quotes, `-` for nothing, and no control characters, because much of
/// what is shown was written by others.
pub fn plain(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Bytes as people read them.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The list in an answer: the answer itself, or its `items`.
pub fn items(answer: &Value) -> &[Value] {
    answer.as_array().or_else(|| answer["items"].as_array()).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_lines_up_and_shows_no_control_characters() {
        let rows = [json!({"name": "a", "n": 1}), json!({"name": "long\u{1b}[31m", "n": null})];
        let text = table(&rows, &[column!("NAME", "/name"), column!("N", "/n")], "none");
        assert_eq!(text, "NAME       N\na          1\nlong\u{fffd}[31m  -\n");
        assert_eq!(table(&[], &[column!("NAME", "/name")], "none"), "none\n");
    }

    #[test]
    fn one_thing_is_shown_as_lines() {
        let text =
            fields(&json!({"id": "x", "hosts": ["a", "b"]}), &[column!("id", "/id"), column!("hosts", "/hosts")]);
        assert_eq!(text, "id     x\nhosts  a, b\n");
    }
}
