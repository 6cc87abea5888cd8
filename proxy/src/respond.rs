//! The one place where a refusal or an error becomes a response.
//!
//! Bodies are small RFC 9457 problem details. They carry the request id, by which the node's log
//! tells the rest; what a filter or an upstream said in its failure never reaches a client.

use crate::request::Request;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::proxy::Session;
use pingora::{Error, ErrorSource, ErrorType};
use std::time::Duration;

const X_SWITCHYARD_VERSIONS: HeaderName = HeaderName::from_static("x-switchyard-versions");

/// Why a request is answered by the proxy itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// For people; may come from a filter only where the filter rejects the request as wrong.
    pub detail: String,
    pub retry_after: bool,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: false }
    }
    /// The client did something wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
    /// There is no room now; there may be in a second.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
    pub fn bad_gateway(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, detail)
    }
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// The response, complete.
    fn response(&self, request_id: u64) -> pingora::Result<(ResponseHeader, Bytes)> {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "requestId": format!("{request_id:016x}"),
        });
        let body = Bytes::from(body.to_string());
        let mut head = ResponseHeader::build(self.status, Some(5))?;
        head.insert_header(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))?;
        head.insert_header(CONTENT_LENGTH, HeaderValue::from(body.len()))?;
        head.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))?;
        if self.retry_after {
            head.insert_header(RETRY_AFTER, HeaderValue::from_static("1"))?;
        }
        Ok((head, body))
    }
}

/// A response that needs no upstream, or no more of it.
#[derive(Debug)]
pub enum Answer {
    Problem(Problem),
    /// Made by a filter; `Content-Length` is set.
    Reply(Box<ResponseHeader>, Bytes),
}

/// How long a client may go on sending a body nobody wants before its connection is cut.
const LINGER: Duration = Duration::from_secs(2);

/// Writes the answer. On HTTP/1 the rest of the request body is then read and thrown away for a
/// while: closing on unread bytes resets the connection, and the answer could be lost with it.
pub async fn write(session: &mut Session, request: &Request, answer: Answer) -> pingora::Result<()> {
    let (head, body) = match answer {
        Answer::Problem(problem) => {
            let (head, body) = problem.response(request.id)?;
            (Box::new(head), body)
        }
        Answer::Reply(head, body) => (head, body),
    };
    let bodiless = is_bodiless(&request.method, head.status) || body.is_empty();
    session.write_response_header(head, bodiless).await?;
    if !bodiless {
        session.write_response_body(Some(body), true).await?;
    }
    let waits = session.req_header().headers.contains_key(EXPECT);
    if matches!(session.as_downstream(), ServerSession::H1(_)) && !waits && !session.is_body_done() {
        // The answer is out; how the rest of the body ends changes nothing about it.
        let _ = tokio::time::timeout(LINGER, session.drain_request_body()).await;
    }
    Ok(())
}

/// Whether a response to `method` with `status` never has a body (RFC 9110, section 6.4.1).
pub fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether the head says by itself that no body follows it.
pub fn ends_with_head(method: &Method, head: &ResponseHeader) -> bool {
    is_bodiless(method, head.status) || head.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0")
}

/// Names the filter versions that touched the response, where the tenant wants it.
pub fn show_versions(head: &mut ResponseHeader, request: &Request) -> pingora::Result<()> {
    let (Some(route), Some(chain)) = (&request.route, &request.chain) else { return Ok(()) };
    if !route.entry.show_versions {
        return Ok(());
    }
    match HeaderValue::try_from(chain.versions()) {
        Ok(versions) => head.insert_header(X_SWITCHYARD_VERSIONS, versions),
        Err(_) => Ok(()),
    }
}

/// The answer to an error of pingora's; `None`: the client is gone, there is nobody to answer.
pub fn answer_to(error: &Error) -> Option<Problem> {
    use ErrorType::*;
    match (error.esource(), error.etype()) {
        (_, HTTPStatus(status)) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(Problem::new(status, "The request was refused."))
        }
        (ErrorSource::Upstream, ConnectTimedout | ReadTimedout | WriteTimedout) => {
            Some(Problem::bad_gateway("The upstream did not answer in time."))
        }
        (ErrorSource::Upstream, _) => Some(Problem::bad_gateway("The upstream could not be reached or broke off.")),
        (ErrorSource::Downstream, WriteError | ReadError | ConnectionClosed | WriteTimedout | H2Error) => None,
        (ErrorSource::Downstream, ReadTimedout) => {
            Some(Problem::new(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time."))
        }
        (ErrorSource::Downstream, _) => Some(Problem::bad_request("The request is malformed.")),
        (ErrorSource::Internal | ErrorSource::Unset, _) => {
            Some(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The proxy failed to handle the request."))
        }
    }
}

/// An error that carries an answer through pingora; the answer itself waits in the request.
pub fn refused(status: StatusCode) -> Box<Error> {
    let mut error = Error::explain(ErrorType::HTTPStatus(status.as_u16()), "answered by the proxy");
    error.set_retry(false);
    error
}
