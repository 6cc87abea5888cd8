//! Gives every request an id, upstream and in the response:
//!
//! ```json
//! { "header": "x-request-id", "keep_incoming": true }
//! ```
//!
//! An id that came with the request is kept when it is 1 to 128 of `A-Z a-z 0-9 - _ . :`. New ones
//! are UUIDs of version 7, so that they sort by time.

use switchyard_filter::prelude::*;
use uuid::Builder;

const ID_BYTES_MAX: usize = 128;
const NS_PER_MS: u64 = 1_000_000;

#[config]
struct Config {
    #[serde(default = "header")]
    header: String,
    #[serde(default = "keep_incoming")]
    keep_incoming: bool,
}

fn header() -> String {
    "x-request-id".into()
}

fn keep_incoming() -> bool {
    true
}

struct RequestId {
    config: &'static Config,
    id: String,
}

#[filter]
impl Filter for RequestId {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config, id: String::new() }
    }

    fn plan(config: &Config, plan: &mut Plan) {
        if config.keep_incoming {
            plan.request_headers.add(&config.header);
        }
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        let incoming = request.header_text(&self.config.header).filter(|id| is_valid(id));
        self.id = incoming.map_or_else(new_id, str::to_owned);
        Ok(request.pass().set(&self.config.header, self.id.as_str()))
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        Ok(response.pass().set(&self.config.header, self.id.as_str()))
    }
}

fn is_valid(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(allowed)
}

fn new_id() -> String {
    let uuid = Builder::from_unix_timestamp_millis(clock::now_ns() / NS_PER_MS, &random::array());
    uuid.into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use super::{is_valid, new_id};

    #[test]
    fn new_ids_are_valid_sorted_and_different() {
        let ids: Vec<String> = (0..3).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| is_valid(id) && id.len() == 36 && id.as_bytes()[14] == b'7'), "{ids:?}");
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        assert!(ids[0][..13] <= ids[2][..13]);
    }

    #[test]
    fn what_could_break_a_log_is_not_kept() {
        for bad in ["", "a b", "a\nb", "ä", "<x>", &"x".repeat(129)] {
            assert!(!is_valid(bad), "{bad}");
        }
        assert!(is_valid("a-B_9.:"));
    }
}
