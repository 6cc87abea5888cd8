//! Checks of values that parsed: ranges and addresses, every fault noted with its line.

use super::fault::Fault;
use super::read::Lines;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Collects faults; a value that is wrong goes on as it is, and nothing is started with it.
pub struct Check<'a> {
    lines: &'a Lines,
    pub faults: Vec<Fault>,
}

impl<'a> Check<'a> {
    pub fn new(lines: &'a Lines) -> Self {
        Self { lines, faults: Vec::new() }
    }

    pub fn fault(&mut self, key: &str, text: impl Display) {
        self.faults.push(Fault { line: self.lines.of(key), text: format!("{key} {text}") });
    }

    pub fn within<T: PartialOrd + Display + Copy>(&mut self, key: &str, value: T, range: RangeInclusive<T>) -> T {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            self.fault(key, format_args!("is {value}; a value from {least} to {most} would do"));
        }
        value
    }

    /// `address:port`; the empty text is "do not listen".
    pub fn listen(&mut self, key: &str, value: &str) -> Option<SocketAddr> {
        if value.is_empty() {
            return None;
        }
        value
            .parse()
            .map_err(|_| {
                self.fault(
                    key,
                    format_args!("is {value:?}; an address such as \"127.0.0.1:8080\" or \"[::]:80\" would do"),
                )
            })
            .ok()
    }

    /// A path behind a scheme. A relative one starts at the data folder.
    pub fn place(&mut self, key: &str, value: &str, scheme: &str, data_dir: &Path) -> Option<PathBuf> {
        match value.strip_prefix(scheme).filter(|path| !path.is_empty()) {
            Some(path) => Some(data_dir.join(path)),
            None => {
                self.fault(key, format_args!("is {value:?}; {scheme} and a path would do"));
                None
            }
        }
    }

    /// MiB as bytes.
    pub fn mebibytes(&mut self, key: &str, value: u64, range: RangeInclusive<u64>) -> u64 {
        self.within(key, value, range).saturating_mul(1 << 20)
    }
}
