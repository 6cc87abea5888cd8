//! Strict JSON: the type is right, the text is JSON, no field is unknown, and what is wrong is
//! pointed at.

use super::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::fmt::Write;
use switchyard_domain::Reason;

/// A body with its bytes, which an `Idempotency-Key` is held against.
pub struct Strict<T> {
    pub value: T,
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        is_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

/// A body that may be left out, with its type.
pub struct Optional<T>(pub Strict<T>);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Optional<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let typed = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(Strict { value: T::default(), bytes }));
        }
        typed?;
        Ok(Self(Strict { value: parse(&bytes)?, bytes }))
    }
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::media_type(format!("send JSON with Content-Type: application/json, not {given:?}")))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        fault(pointer, error.inner())
    })?;
    deserializer.end().map_err(|error| fault(String::new(), &error))?;
    Ok(value)
}

fn fault(pointer: String, error: &serde_json::Error) -> Problem {
    if error.is_syntax() || error.is_eof() {
        return Problem::malformed(format!("the body is not JSON: {error}"));
    }
    let text = error.to_string();
    let hint = nearest(&text).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Problem::invalid(vec![Reason::at(pointer, format!("{text}{hint}"))])
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        // Writing to a String cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => write!(pointer, "/{variant}"),
            Segment::Unknown => Ok(()),
        };
    }
    pointer
}

/// serde says: unknown field `a`, expected one of `b`, `c`.
fn nearest(text: &str) -> Option<&str> {
    let mut quoted = text.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    let scored = quoted.map(|known| (strsim::damerau_levenshtein(&given.to_lowercase(), &known.to_lowercase()), known));
    scored.filter(|(distance, known)| *distance <= 1 + known.len() / 3).min().map(|(_, known)| known)
}
