//! Takes a TOML table apart key by key and notes every fault on the way.

use std::str::FromStr;
use toml::{Table, Value};

/// A table being read. Keys are taken out; what is left over at the end is unknown.
pub(crate) struct Fields<'f> {
    table: Table,
    /// Prefix of the keys in faults: empty, or `limits.`.
    place: &'static str,
    known: &'static [&'static str],
    faults: &'f mut Vec<String>,
}

impl<'f> Fields<'f> {
    pub(crate) fn new(
        table: Table,
        place: &'static str,
        known: &'static [&'static str],
        faults: &'f mut Vec<String>,
    ) -> Self {
        Self { table, place, known, faults }
    }

    /// A fault of a key that is otherwise in order.
    pub(crate) fn fault(&mut self, key: &str, what: impl std::fmt::Display) {
        self.faults.push(format!("{}{key}: {what}", self.place));
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, found: &Value) {
        self.fault(key, format_args!("{wanted} is expected, not {}", article(found.type_str())));
    }

    /// A text that must be there.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.table.remove(key) {
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.wrong_type(key, "a string", &other);
                None
            }
            None => {
                self.fault(key, "missing");
                None
            }
        }
    }

    /// A text that must be there and parse.
    pub(crate) fn parsed<T: FromStr>(&mut self, key: &'static str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(key)?;
        text.parse().map_err(|error| self.fault(key, error)).ok()
    }

    /// A list of texts that each parse; absent is empty.
    pub(crate) fn list<T: FromStr>(&mut self, key: &'static str) -> Vec<T>
    where
        T::Err: std::fmt::Display,
    {
        let items = match self.table.remove(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.wrong_type(key, "a list of strings", &other);
                return Vec::new();
            }
        };
        let mut parsed = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => match text.parse() {
                    Ok(value) => parsed.push(value),
                    Err(error) => self.fault(key, error),
                },
                other => self.wrong_type(key, "a list of strings", &other),
            }
        }
        parsed
    }

    /// A number of at least 1; absent is none.
    pub(crate) fn positive<N: TryFrom<i64>>(&mut self, key: &'static str) -> Option<N> {
        let found = self.table.remove(key)?;
        let number = found.as_integer().filter(|n| *n > 0).and_then(|n| N::try_from(n).ok());
        if number.is_none() {
            self.fault(key, format_args!("{found} is not a whole number from 1 to {}", largest::<N>()));
        }
        number
    }

    /// A nested table; absent is none.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Table> {
        match self.table.remove(key)? {
            Value::Table(table) => Some(table),
            other => {
                self.wrong_type(key, "a table", &other);
                None
            }
        }
    }

    /// Adds the faults of a nested table, then one for every key nobody asked for.
    pub(crate) fn finish_with(self, nested: Vec<String>) {
        self.faults.extend(nested);
        for key in self.table.keys() {
            let hint = nearest(key, self.known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            self.faults.push(format!("{}{key}: unknown key{hint}", self.place));
        }
    }
}

/// The known word a slip of the pen away, if there is one.
pub(crate) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|word| (strsim::damerau_levenshtein(given, word), *word));
    scored.filter(|(distance, word)| *distance <= 1 + word.len() / 3).min().map(|(_, word)| word)
}

fn article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

fn largest<N: TryFrom<i64>>() -> u64 {
    if N::try_from(i64::from(u32::MAX) + 1).is_err() { u32::MAX.into() } else { i64::MAX as u64 }
}
