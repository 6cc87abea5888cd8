//! Lets requests in that carry a known API key and tells upstream who called:
//!
//! ```json
//! { "keys": { "alice": "s3cr3t", "bob": "t0ps3cr3t" }, "key_header": "x-api-key", "caller_header": "x-caller" }
//! ```
//!
//! The key itself never goes upstream, and nobody can claim to be a caller: the caller header is
//! always the filter's own.

use std::collections::BTreeMap;
use subtle::{Choice, ConstantTimeEq};
use switchyard_filter::prelude::*;

const KEY_BYTES_MIN: usize = 8;

#[config]
struct Config {
    /// Key by caller's name.
    keys: BTreeMap<String, String>,
    #[serde(default = "key_header")]
    key_header: String,
    #[serde(default = "caller_header")]
    caller_header: String,
}

fn key_header() -> String {
    "x-api-key".into()
}

fn caller_header() -> String {
    "x-caller".into()
}

struct ApiKey {
    config: &'static Config,
}

#[filter]
impl Filter for ApiKey {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config }
    }

    fn plan(config: &Config, plan: &mut Plan) {
        plan.request_headers.add(&config.key_header);
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        let key = request.header(&self.config.key_header).ok_or_else(|| refused("no API key was sent"))?;
        let caller = self.config.caller(key).ok_or_else(|| refused("the API key is not known"))?;
        Ok(request.pass().remove(&self.config.key_header).set(&self.config.caller_header, caller))
    }

    fn validate(config: &Config) -> Result<(), String> {
        if config.keys.is_empty() {
            return Err("keys: at least one is needed, or nobody gets in".into());
        }
        let short = config.keys.iter().find(|(_, key)| key.len() < KEY_BYTES_MIN);
        short
            .map_or(Ok(()), |(caller, _)| Err(format!("keys: that of {caller:?} has fewer than {KEY_BYTES_MIN} bytes")))
    }
}

impl Config {
    /// Looks at every key to its end, so that time tells nothing about any of them.
    fn caller(&self, given: &[u8]) -> Option<&str> {
        let mut caller = None;
        for (name, key) in &self.keys {
            let same: Choice = key.as_bytes().ct_eq(given);
            if same.into() {
                caller = Some(name.as_str());
            }
        }
        caller
    }
}

fn refused(why: &str) -> Reply {
    Reply::new(401)
        .header("www-authenticate", "ApiKey realm=\"switchyard\"")
        .json(format!(r#"{{"error":"unauthorized","message":"{why}"}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_names_its_caller() {
        let keys = [("alice".to_owned(), "s3cr3t-1".to_owned()), ("bob".to_owned(), "s3cr3t-2".to_owned())];
        let config = Config { keys: keys.into(), key_header: key_header(), caller_header: caller_header() };
        assert_eq!(config.caller(b"s3cr3t-2"), Some("bob"));
        for wrong in ["", "s3cr3t", "s3cr3t-3", "s3cr3t-11", "S3CR3T-1"] {
            assert_eq!(config.caller(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
