//! What a write says beside its body: `If-Match`, `Idempotency-Key`, `traceparent`.

use super::Problem;
use crate::app::Asked;
use axum::extract::FromRequestParts;
use http::header::IF_MATCH;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use ring::digest::{Context, SHA256};
use switchyard_contract::Generation;

const KEY_CHARS_MAX: usize = 255;

pub struct Conditions {
    method: Method,
    uri: Uri,
    expect: Option<Generation>,
    idempotency_key: Option<String>,
    traceparent: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            expect: if_match(&parts.headers)?,
            idempotency_key: idempotency_key(&parts.headers)?,
            traceparent: traceparent(&parts.headers),
        })
    }
}

impl Conditions {
    /// `body`: what makes this request the same as, or another than, one with the same key.
    pub fn asked(self, body: &[u8]) -> Asked {
        let Self { method, uri, expect, idempotency_key, traceparent } = self;
        let idempotency = idempotency_key.map(|key| {
            let mut context = Context::new(&SHA256);
            for part in [method.as_str().as_bytes(), uri.path().as_bytes(), body] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            let mut sha256 = [0; 32];
            sha256.copy_from_slice(context.finish().as_ref());
            (key, sha256)
        });
        Asked { expect, idempotency, traceparent }
    }
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<Generation>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text == "*" {
        return Err(Problem::malformed("If-Match: * is not understood: send the ETag of what you read"));
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    let wrong = || Problem::malformed(format!("If-Match {text:?} is not an ETag of this API, such as \"42\""));
    number.map(|number| Some(Generation(number))).ok_or_else(wrong)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_CHARS_MAX => Ok(Some(key.to_owned())),
        _ => Err(Problem::malformed(format!("an Idempotency-Key has 1 to {KEY_CHARS_MAX} visible ASCII characters"))),
    }
}

/// W3C Trace Context, version 00. What does not look like one is dropped, as the standard says.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    let fits = lengths == [2, 32, 16, 2] && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
    fits.then(|| text.to_owned())
}
