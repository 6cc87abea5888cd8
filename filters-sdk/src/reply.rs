//! An answer the filter gives itself.

use crate::bindings::types;
use crate::edits::header;

/// A whole response: instead of asking upstream, or instead of what upstream said. Hooks return it
/// as an error, so that `?` leaves early: `key.ok_or_else(|| Reply::new(401))?`.
#[derive(Debug, Clone)]
#[must_use = "a reply is sent when a hook returns it as its error"]
pub struct Reply(pub(crate) types::Reply);

impl Reply {
    /// `status`: 200 to 599. No headers, no body.
    pub const fn new(status: u16) -> Self {
        Self(types::Reply { status, headers: Vec::new(), body: Vec::new() })
    }

    /// Adds a header. `Content-Length` is the host's.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.0.headers.push(header(name, value));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// A body of JSON text, with its content type. The text is sent as it is.
    pub fn json(self, json: impl Into<String>) -> Self {
        self.header("content-type", "application/json").body(json.into())
    }

    /// A body of plain text, with its content type.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.header("content-type", "text/plain; charset=utf-8").body(text.into())
    }
}
