//! The heads of messages, as a filter sees them: only what its plan asked for.

use crate::bindings::types;
use crate::edits::{RequestEdits, ResponseEdits};

pub use crate::bindings::types::{Header, RequestLine};

/// Header lines in wire order; a repeated name is repeated. Names are lower case, values bytes.
#[derive(Debug, Clone, Default)]
pub struct Headers(pub(crate) Vec<Header>);

impl Headers {
    /// The first value of a name, in whatever case it is asked.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value of a name if it is UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// Every value of a name, in wire order.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Name and value of every line.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|header| (header.name.as_str(), header.value.as_slice()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(lines: I) -> Self {
        Self(lines.into_iter().map(|(name, value)| Header { name: name.into(), value: value.into() }).collect())
    }
}

/// The head of a request.
#[derive(Debug, Clone, Default)]
pub struct RequestHead {
    /// Method, path and address: present when the plan asked for the `request_line`.
    pub line: Option<RequestLine>,
    /// Those the plan asked for.
    pub headers: Headers,
    /// Whether a body follows.
    pub has_body: bool,
}

impl RequestHead {
    pub(crate) fn from_wit(head: types::RequestHead, end: bool) -> Self {
        Self { line: head.line, headers: Headers(head.headers), has_body: !end }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name)
    }

    /// The first value of a header if it is UTF-8.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.headers.text(name)
    }

    /// Passes the request on; edits may be added.
    pub fn pass(&self) -> RequestEdits {
        RequestEdits::new()
    }
}

/// The head of a response.
#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    pub status: u16,
    /// Those the plan asked for.
    pub headers: Headers,
    /// Whether a body follows.
    pub has_body: bool,
}

impl ResponseHead {
    pub(crate) fn from_wit(head: types::ResponseHead, end: bool) -> Self {
        Self { status: head.status, headers: Headers(head.headers), has_body: !end }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name)
    }

    /// The first value of a header if it is UTF-8.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.headers.text(name)
    }

    /// Passes the response on; edits may be added.
    pub fn pass(&self) -> ResponseEdits {
        ResponseEdits::new()
    }
}
