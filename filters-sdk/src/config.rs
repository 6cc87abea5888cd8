//! The tenant's configuration: parsed from JSON once, when a node prepares the filter; instances
//! start from a compact binary form of it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A configuration type. Every type with serde's `Serialize` and `Deserialize` is one.
pub trait Configuration: Sized + 'static {
    /// From the tenant's JSON. The error is shown to the operator.
    fn parse(json: &str) -> Result<Self, String>;
    /// The form instances start from; empty when there is nothing to carry.
    fn encode(&self) -> Result<Vec<u8>, String>;
    /// From what `encode` gave.
    fn decode(prepared: &[u8]) -> Result<Self, String>;
}

impl<T: Serialize + DeserializeOwned + 'static> Configuration for T {
    fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| format!("the configuration does not fit: {error}"))
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        let prepared = postcard::to_allocvec(self).map_err(not_portable)?;
        // Types that need self-describing data (untagged or flattened ones) encode but do not come
        // back: say so now and not on the first request.
        Self::decode(&prepared).map(|_| prepared)
    }

    fn decode(prepared: &[u8]) -> Result<Self, String> {
        postcard::from_bytes(prepared).map_err(not_portable)
    }
}

fn not_portable(error: postcard::Error) -> String {
    format!(
        "the configuration type cannot be carried into instances ({error}); serde's `flatten`, `untagged`, `tag` and \
         `skip_serializing_if` do not work there"
    )
}

/// A filter without configuration: takes `null`, `{}` or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoConfig;

impl Configuration for NoConfig {
    fn parse(json: &str) -> Result<Self, String> {
        let mut rest = json.bytes().filter(|byte| !byte.is_ascii_whitespace());
        let first: [Option<u8>; 4] = core::array::from_fn(|_| rest.next());
        match (first, rest.next()) {
            ([None, ..], _) | ([Some(b'{'), Some(b'}'), None, None], _) => Ok(Self),
            ([Some(b'n'), Some(b'u'), Some(b'l'), Some(b'l')], None) => Ok(Self),
            _ => Err("this filter takes no configuration; leave it out or give {}".into()),
        }
    }

    fn encode(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8]) -> Result<Self, String> {
        Ok(Self)
    }
}
