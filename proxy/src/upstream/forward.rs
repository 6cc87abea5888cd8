//! What an upstream is told about the client.
//!
//! `X-Forwarded-For` gets the client's address appended to what it sent; `X-Forwarded-Proto` and
//! `X-Forwarded-Host` are overwritten with what this node saw. Hop-by-hop fields are pingora's to
//! remove (RFC 9110, section 7.6.1); upgrades other than WebSocket are not forwarded.

use crate::request::{Request, authority};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use pingora::proxy::Session;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Adds the fields to a request on its way to the upstream.
pub fn add(session: &Session, head: &mut RequestHeader, request: &Request) -> pingora::Result<()> {
    let Some(connection) = &request.connection else { return Ok(()) };
    let client = &connection.client_text;
    let chain = head.headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let forwarded_for = match chain.as_slice() {
        [] => client.clone(),
        sent => {
            let joined = [&sent.join(&b", "[..]), b", ".as_slice(), client.as_bytes()].concat();
            HeaderValue::from_maybe_shared(Bytes::from(joined)).unwrap_or_else(|_| client.clone())
        }
    };
    head.insert_header(X_FORWARDED_FOR, forwarded_for)?;
    head.insert_header(X_FORWARDED_PROTO, HeaderValue::from_static(request.scheme()))?;
    let host = authority(session).unwrap_or_default();
    if let Some(sent) = session.req_header().headers.get(http::header::HOST) {
        head.insert_header(X_FORWARDED_HOST, sent.clone())?;
    } else if let Ok(value) = HeaderValue::from_str(host) {
        head.insert_header(X_FORWARDED_HOST, value)?;
    }
    Ok(())
}
