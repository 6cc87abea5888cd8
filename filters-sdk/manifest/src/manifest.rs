//! The manifest itself: what is in `filter.toml`, parsed once into types that cannot be wrong.

use crate::ManifestError;
use crate::fields::{Fields, nearest};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use switchyard_contract::snapshot::FilterLimits;
use switchyard_contract::{PluginName, Version};

/// Longest manifest that is read at all.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;
const DESCRIPTION_CHARS_MAX: usize = 1_000;

const KEYS: &[&str] = &["name", "version", "type", "description", "capabilities", "limits"];
const LIMIT_KEYS: &[&str] = &["deadline_ms", "memory_bytes_max", "host_calls_max", "log_lines_max"];

/// What a filter says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub name: PluginName,
    pub version: Version,
    /// `type` in the file.
    pub kind: Kind,
    /// At most 1,000 characters, no control characters; may be empty.
    pub description: String,
    /// Everything the component may import; an import not listed here is a fault.
    pub capabilities: BTreeSet<Capability>,
    /// What the filter needs at most. Of binding, manifest and node the smallest wins.
    pub limits: FilterLimits,
}

impl Manifest {
    /// Parses the text of a `filter.toml`.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MANIFEST_BYTES_MAX {
            let fault = format!("it has {} bytes, at most {MANIFEST_BYTES_MAX} are read", text.len());
            return Err(ManifestError::one(fault));
        }
        let table = text.parse::<toml::Table>().map_err(|error| {
            let line =
                error.span().map(|span| 1 + text.as_bytes()[..span.start].iter().filter(|b| **b == b'\n').count());
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            ManifestError::one(format!("{place}{}", error.message()))
        })?;
        let mut faults = Vec::new();
        let manifest = read(Fields::new(table, "", KEYS, &mut faults));
        match (manifest, faults.is_empty()) {
            (Some(manifest), true) => Ok(manifest),
            _ => Err(ManifestError { faults }),
        }
    }

    /// The one text of this manifest: equal manifests have equal texts. Parses back to itself.
    pub fn to_toml(&self) -> String {
        let text = |text: &str| toml::Value::from(text);
        let mut table = toml::Table::new();
        table.insert("name".into(), text(self.name.as_str()));
        table.insert("version".into(), text(self.version.as_str()));
        table.insert("type".into(), text(self.kind.as_str()));
        table.insert("description".into(), text(&self.description));
        let capabilities = self.capabilities.iter().map(|capability| text(capability.as_str())).collect();
        table.insert("capabilities".into(), toml::Value::Array(capabilities));
        let limits = limits_table(&self.limits);
        if !limits.is_empty() {
            table.insert("limits".into(), limits.into());
        }
        table.to_string()
    }
}

fn read(mut fields: Fields<'_>) -> Option<Manifest> {
    let name = fields.parsed("name");
    let version = fields.parsed("version");
    let kind = fields.parsed("type");
    let description = fields.text("description");
    if let Some(description) = &description {
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            fields.fault("description", format_args!("longer than {DESCRIPTION_CHARS_MAX} characters"));
        }
        if description.chars().any(char::is_control) {
            fields.fault("description", "a line break or another control character; one line of text is expected");
        }
    }
    let capabilities = fields.list("capabilities").into_iter().collect();
    let limits = fields.table("limits");
    let mut limit_faults = Vec::new();
    let limits = limits.map(|table| read_limits(Fields::new(table, "limits.", LIMIT_KEYS, &mut limit_faults)));
    fields.finish_with(limit_faults);
    let (limits, description) = (limits.unwrap_or_default(), description?);
    Some(Manifest { name: name?, version: version?, kind: kind?, description, capabilities, limits })
}

fn read_limits(mut fields: Fields<'_>) -> FilterLimits {
    let limits = FilterLimits {
        deadline_ms: fields.positive("deadline_ms"),
        memory_bytes_max: fields.positive("memory_bytes_max"),
        host_calls_max: fields.positive("host_calls_max"),
        log_lines_max: fields.positive("log_lines_max"),
    };
    fields.finish_with(Vec::new());
    limits
}

fn limits_table(limits: &FilterLimits) -> toml::Table {
    let values = [
        ("deadline_ms", limits.deadline_ms.map(u64::from)),
        ("memory_bytes_max", limits.memory_bytes_max),
        ("host_calls_max", limits.host_calls_max.map(u64::from)),
        ("log_lines_max", limits.log_lines_max.map(u64::from)),
    ];
    let set = values.into_iter().filter_map(|(key, value)| Some((key, i64::try_from(value?).ok()?)));
    set.map(|(key, value)| (key.to_owned(), value.into())).collect()
}

/// A closed set of words, each with its text.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// In the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                const KNOWN: &[&str] = &[$($text),+];
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| match nearest(text, KNOWN) {
                    Some(near) => format!("{text:?} is no {}; did you mean {near:?}?", $what),
                    None => format!("{text:?} is no {}; known are {}", $what, KNOWN.join(", ")),
                })
            }
        }
    };
}

words!(
    /// What a filter is for. People sort by it; nothing else depends on it.
    Kind, "type" {
        Middleware = "middleware",
        Security = "security",
        Monitoring = "monitoring",
        Storage = "storage",
    }
);

words!(
    /// An interface of the host a filter may import.
    Capability, "capability" {
        Clock = "clock",
        Log = "log",
        Metrics = "metrics",
        Random = "random",
    }
);
