//! What a filter may decide, in types that cannot carry anything HTTP forbids. Everything here was
//! checked as if it came from the network.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode};

/// One change to a header list. Names the proxy owns (framing, hop-by-hop) never appear here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// Replaces every value of that name.
    Set(HeaderName, HeaderValue),
    Append(HeaderName, HeaderValue),
    Remove(HeaderName),
}

/// What happens to the body that follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlan {
    Splice,
    Chunks,
    Buffer { bytes_max: u32 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599: a reply is final.
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEdits {
    pub headers: Vec<HeaderEdit>,
    pub method: Option<Method>,
    pub path_and_query: Option<PathAndQuery>,
    /// A name; whether the tenant has such an upstream is for the proxy to say.
    pub upstream: Option<String>,
    pub body: BodyPlan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseEdits {
    pub status: Option<StatusCode>,
    pub headers: Vec<HeaderEdit>,
    pub body: BodyPlan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestDecision {
    Pass(RequestEdits),
    Reply(Reply),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseDecision {
    Pass(ResponseEdits),
    Replace(Reply),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkDecision {
    Keep,
    /// Empty: the chunk is held back.
    Replace(Bytes),
    /// The exchange ends: 502 where nothing was sent yet, else the connection closes.
    Abort,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WholeDecision {
    Pass(Whole),
    /// Instead of the upstream's answer.
    Reply(Reply),
}

/// What becomes of a buffered body and of the head it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// `None`: as it came.
    pub body: Option<Bytes>,
    pub headers: Vec<HeaderEdit>,
}
