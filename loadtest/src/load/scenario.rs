//! What to send, read from a TOML file in `loadtest/scenarios`. As written in the file ([`Written`]) and as used
//! ([`Scenario`]), one direction only; a key nobody knows is refused.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// One lane needs a few hundred bytes and, over HTTP/1.1, a socket: this many fit a machine.
const LANES_MAX: u32 = 100_000;

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub protocol: Protocol,
    pub method: Method,
    /// As it goes on the wire: path and query over HTTP/1.1, with scheme and authority over HTTP/2.
    pub uri: Uri,
    /// Value of `Host` or `:authority`.
    pub host: HeaderValue,
    pub headers: HeaderMap,
    pub body_bytes: usize,
    pub load: Load,
    pub duration: Duration,
    /// Reports latencies apart for each stretch of this length.
    pub window: Option<Duration>,
    /// From the moment a request is sent to the end of its answer.
    pub timeout: Duration,
    /// Any other status counts as failed.
    pub expected: Vec<StatusCode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Http1,
    /// With prior knowledge, in clear text.
    Http2,
}

/// Constant rate where there is a rate (open loop), else as fast as answers come (closed loop).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub connections: u32,
    /// Concurrent requests on one HTTP/2 connection; HTTP/1.1 has one.
    #[serde(default = "one")]
    pub streams_per_connection: u32,
    pub rate_per_s: Option<u32>,
}

impl Load {
    pub fn lanes_per_connection(&self, protocol: Protocol) -> u32 {
        match protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => self.streams_per_connection,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("cannot read the scenario {path}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("the scenario is not what it should be: {0}")]
    Malformed(#[from] toml::de::Error),
    #[error("{key} = {value:?} in the scenario: {reason}")]
    Wrong { key: &'static str, value: String, reason: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    protocol: Protocol,
    #[serde(default = "get")]
    method: String,
    path: String,
    host: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body_bytes: usize,
    load: Load,
    duration_s: f64,
    #[serde(default = "five_seconds")]
    timeout_ms: u64,
    #[serde(default = "only_200")]
    expect_status: Vec<u16>,
}

fn one() -> u32 {
    1
}

fn get() -> String {
    "GET".to_owned()
}

fn five_seconds() -> u64 {
    5_000
}

fn only_200() -> Vec<u16> {
    vec![200]
}

impl Scenario {
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::Unreadable { path: path.display().to_string(), source })?;
        Self::parse(&text)
    }

    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let written: Written = toml::from_str(text)?;
        let lanes =
            u64::from(written.load.connections) * u64::from(written.load.lanes_per_connection(written.protocol));
        let checks = [
            (lanes > 0 && lanes <= u64::from(LANES_MAX), "load", "needs 1 to 100,000 connections times streams"),
            (written.load.rate_per_s != Some(0), "load.rate_per_s", "must be above 0; leave it out for a closed loop"),
            (written.path.starts_with('/'), "path", "must begin with a slash"),
            (
                written.duration_s > 0.0 && written.duration_s <= 86_400.0,
                "duration_s",
                "must be above 0, at most a day",
            ),
            (written.timeout_ms > 0, "timeout_ms", "must be above 0"),
            (!written.expect_status.is_empty(), "expect_status", "must name at least one status"),
        ];
        if let Some((_, key, reason)) = checks.into_iter().find(|(holds, ..)| !holds) {
            return Err(wrong(key, "", reason));
        }
        Ok(Self {
            method: parsed("method", &written.method)?,
            uri: uri(written.protocol, &written.host, &written.path)?,
            host: parsed("host", &written.host)?,
            window: None,
            headers: headers(&written.headers)?,
            expected: written
                .expect_status
                .iter()
                .map(|code| StatusCode::from_u16(*code).map_err(|error| wrong("expect_status", *code, error)))
                .collect::<Result<_, _>>()?,
            duration: Duration::from_secs_f64(written.duration_s),
            timeout: Duration::from_millis(written.timeout_ms),
            name: written.name,
            protocol: written.protocol,
            body_bytes: written.body_bytes,
            load: written.load,
        })
    }

    /// The same requests for another host name.
    pub fn for_host(&self, host: &str) -> Result<Self, ScenarioError> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { uri: uri(self.protocol, host, path)?, host: parsed("host", host)?, ..self.clone() })
    }

    /// The same requests for another time.
    pub fn lasting(&self, duration: Duration) -> Self {
        Self { duration, ..self.clone() }
    }

    /// The same requests, reported apart for each stretch of this length.
    pub fn in_windows_of(&self, window: Duration) -> Self {
        Self { window: Some(window), ..self.clone() }
    }
}

fn uri(protocol: Protocol, host: &str, path: &str) -> Result<Uri, ScenarioError> {
    match protocol {
        Protocol::Http1 => parsed("path", path),
        Protocol::Http2 => parsed("host and path", &format!("http://{host}{path}")),
    }
}

fn headers(written: &BTreeMap<String, String>) -> Result<HeaderMap, ScenarioError> {
    written
        .iter()
        .map(|(name, value)| {
            let name: HeaderName = parsed("headers", name)?;
            let value: HeaderValue = parsed("headers", value)?;
            Ok((name, value))
        })
        .collect()
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(key: &'static str, value: &str) -> Result<T, ScenarioError> {
    value.parse().map_err(|error| wrong(key, value, error))
}

fn wrong(key: &'static str, value: impl ToString, reason: impl ToString) -> ScenarioError {
    ScenarioError::Wrong { key, value: value.to_string(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "name = 'n'\nprotocol = 'http2'\nhost = 'h.example'\npath = '/p?q'\nduration_s = 1.5\n\
                         load = { connections = 2, streams_per_connection = 3 }\nheaders = { X-One = 'a b' }\n";

    #[test]
    fn a_scenario_as_written_becomes_one_as_used() {
        let scenario = Scenario::parse(WHOLE).expect("a scenario");
        assert_eq!(scenario.uri, "http://h.example/p?q");
        assert_eq!(scenario.headers["x-one"], "a b");
        assert_eq!(scenario.load.lanes_per_connection(scenario.protocol), 3);
        assert_eq!((scenario.method, scenario.expected), (Method::GET, vec![StatusCode::OK]));
        let elsewhere = Scenario::parse(WHOLE).and_then(|scenario| scenario.for_host("i.example")).expect("a scenario");
        assert_eq!(elsewhere.uri, "http://i.example/p?q");
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_refused_by_name() {
        for (from, to, named) in [
            ("name", "nmae", "nmae"),
            ("connections = 2", "connections = 2, rate = 7", "rate"),
            ("connections = 2", "connections = 0", "load"),
            ("connections = 2", "connections = 2, rate_per_s = 0", "load.rate_per_s"),
            ("'http2'", "'http3'", "http3"),
            ("'/p?q'", "'p'", "path"),
            ("1.5", "0", "duration_s"),
            ("'a b'", "\"a\\nb\"", "headers"),
            ("X-One", "'X One'", "headers"),
            ("name", "expect_status = [99]\nname", "expect_status"),
        ] {
            let error = Scenario::parse(&WHOLE.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(error.contains(named), "{to}: {error}");
        }
    }

    #[test]
    fn the_shipped_scenarios_parse() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("scenarios").map(|entry| entry.expect("entry").path()).collect();
        assert!(!files.is_empty());
        for file in files {
            Scenario::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}
