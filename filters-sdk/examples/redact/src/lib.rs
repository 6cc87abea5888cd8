//! Replaces the values of named fields in JSON responses, at any depth:
//!
//! ```json
//! { "fields": ["password", "card"], "replacement": "***", "body_bytes_max": 1048576 }
//! ```
//!
//! It asks upstream for plain, whole bodies. What comes compressed all the same cannot be read: it is
//! refused, unless `pass_encoded` says otherwise. What is no JSON by its content type passes by.

mod redact;

use switchyard_filter::prelude::*;

/// Headers that describe the very bytes of a body.
const OF_THE_BYTES: &[&str] = &["accept-ranges", "content-digest", "content-md5", "digest", "repr-digest"];

#[config]
struct Config {
    fields: Vec<String>,
    #[serde(default = "replacement")]
    replacement: String,
    /// A longer body is refused by the host.
    #[serde(default = "body_bytes_max")]
    body_bytes_max: u32,
    #[serde(default)]
    pass_encoded: bool,
}

fn replacement() -> String {
    "***".into()
}

fn body_bytes_max() -> u32 {
    1 << 20
}

struct Redact {
    config: &'static Config,
}

#[filter(response_headers("content-type", "content-encoding"))]
impl Filter for Redact {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config }
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        // A part of a document is no document.
        Ok(request.pass().set("accept-encoding", "identity").remove("range").remove("if-range"))
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        let json = response.header_text("content-type").is_some_and(is_json);
        if !response.has_body || !json {
            return Ok(response.pass());
        }
        let encoding =
            response.header("content-encoding").filter(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
        match (encoding, self.config.pass_encoded) {
            (None, _) => Ok(response.pass().read_body(self.config.body_bytes_max)),
            (Some(_), true) => Ok(response.pass()),
            (Some(_), false) => Err(Reply::new(502).text("the response is encoded and cannot be redacted").into()),
        }
    }

    fn on_response_body(&mut self, body: Vec<u8>) -> Result<Whole> {
        let fields = &self.config.fields;
        let is_secret = |name: &str| fields.iter().any(|field| field == name);
        let replacement = serde_json::to_string(&self.config.replacement)?;
        match redact::redact(&body, is_secret, &replacement).or_fault("the body is no JSON, though its head says so")? {
            None => Ok(Whole::keep()),
            Some(redacted) => Ok(OF_THE_BYTES.iter().fold(Whole::replace(redacted), |whole, name| whole.remove(*name))),
        }
    }

    fn validate(config: &Config) -> Result<(), String> {
        match config.fields.is_empty() {
            true => Err("fields: at least one is needed".into()),
            false => Ok(()),
        }
    }
}

/// `application/json`, `application/problem+json; charset=utf-8` and their like.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn content_types() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(is_json(json), "{json}");
        }
        for other in ["", "text/html", "application/jsonlines", "application/json-seq", "image/png"] {
            assert!(!is_json(other), "{other}");
        }
    }
}
