//! Lands decisions on heads, after checking what only this exchange can know.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};
use switchyard_runtime::{HeaderEdit, RequestEdits};

/// Why edits of a request cannot land. None of them does.
pub fn refusal(head: &RequestHeader, edits: &RequestEdits, has_upstream: impl Fn(&str) -> bool) -> Option<String> {
    if let Some(name) = edits.upstream.as_deref().filter(|name| !has_upstream(name)) {
        return Some(format!("the tenant has no upstream {name:?}"));
    }
    if let Some(method) = &edits.method {
        // Whether a response has a body hangs on the method the client sent.
        let bodiless = |method: &Method| *method == Method::HEAD;
        if bodiless(method) != bodiless(&head.method) || *method == Method::CONNECT {
            return Some(format!("a {} request cannot become {method}", head.method));
        }
    }
    let path = edits.path_and_query.as_ref().filter(|path| !path.as_str().starts_with('/'));
    path.map(|path| format!("path {path:?} does not begin with a slash"))
}

/// Lands checked edits of a request.
pub fn request(head: &mut RequestHeader, edits: RequestEdits) -> pingora::Result<()> {
    for edit in edits.headers {
        match edit {
            HeaderEdit::Set(name, value) => head.insert_header(name, value)?,
            HeaderEdit::Append(name, value) => _ = head.append_header(name, value)?,
            HeaderEdit::Remove(name) => _ = head.remove_header(&name),
        }
    }
    if let Some(method) = edits.method {
        head.set_method(method);
    }
    if let Some(path) = edits.path_and_query {
        let mut parts = head.uri.clone().into_parts();
        parts.path_and_query = Some(path);
        let invalid = |error| pingora::Error::because(pingora::ErrorType::InternalError, "path of a filter", error);
        head.set_uri(http::Uri::from_parts(parts).map_err(invalid)?);
    }
    Ok(())
}

/// Lands checked edits of a request's headers alone.
pub fn request_headers(head: &mut RequestHeader, edits: Vec<HeaderEdit>) -> pingora::Result<()> {
    let body = switchyard_runtime::BodyPlan::Splice;
    request(head, RequestEdits { headers: edits, method: None, path_and_query: None, upstream: None, body })
}

pub fn response_headers(head: &mut ResponseHeader, edits: Vec<HeaderEdit>) -> pingora::Result<()> {
    for edit in edits {
        match edit {
            HeaderEdit::Set(name, value) => head.insert_header(name, value)?,
            HeaderEdit::Append(name, value) => _ = head.append_header(name, value)?,
            HeaderEdit::Remove(name) => _ = head.remove_header(&name),
        }
    }
    Ok(())
}

/// Changes the status and what of the framing hangs on it.
pub fn status(head: &mut ResponseHeader, status: StatusCode) -> pingora::Result<()> {
    let bodiless = |status| matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let was_bodiless = bodiless(head.status);
    head.set_status(status)?;
    head.set_reason_phrase(None)?;
    if status == StatusCode::NO_CONTENT {
        head.remove_header(&CONTENT_LENGTH);
        head.remove_header(&TRANSFER_ENCODING);
    } else if was_bodiless && !bodiless(status) {
        head.insert_header(CONTENT_LENGTH, HeaderValue::from_static("0"))?;
    }
    Ok(())
}

/// The length of a body that is known now.
pub fn set_length(head: &mut ResponseHeader, bytes: usize) -> pingora::Result<()> {
    head.remove_header(&TRANSFER_ENCODING);
    head.insert_header(CONTENT_LENGTH, HeaderValue::from(bytes))
}

/// The length of a body that filters may still change is not known.
pub fn forget_length(head: &mut ResponseHeader) -> pingora::Result<()> {
    if head.remove_header(&CONTENT_LENGTH).is_some() && !head.headers.contains_key(TRANSFER_ENCODING) {
        // For HTTP/1 clients; HTTP/2 sessions of pingora take it out again.
        head.set_version(http::Version::HTTP_11);
        head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
    }
    Ok(())
}
