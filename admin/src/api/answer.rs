//! Answers that are no errors.

use super::Problem;
use crate::app::{Executed, Reply};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::ETAG;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use switchyard_contract::Generation;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A resource with its generation as `ETag`.
pub fn shown<T: Serialize>(generation: Generation, view: &T) -> Response {
    let mut response = Json(view).into_response();
    response.headers_mut().insert(ETAG, etag(generation));
    response
}

fn etag(generation: Generation) -> HeaderValue {
    HeaderValue::try_from(format!("\"{generation}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

impl Reply {
    pub fn new<T: Serialize>(status: StatusCode, shown: Generation, view: Option<T>) -> Self {
        let body = view.and_then(|view| serde_json::to_value(view).ok()).unwrap_or(Value::Null);
        Self { status: status.as_u16(), body, shown: Some(shown) }
    }
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT.as_u16(), body: Value::Null, shown: None }
    }
}

/// The answer to a write.
pub fn executed(executed: Executed) -> Result<Response, Problem> {
    let Executed { reply, replayed, .. } = executed;
    let status = StatusCode::from_u16(reply.status).map_err(|error| Problem::internal(error.to_string()))?;
    let mut response = match reply.body {
        Value::Null => status.into_response(),
        body => (status, Json(body)).into_response(),
    };
    if let Some(generation) = reply.shown {
        response.headers_mut().insert(ETAG, etag(generation));
    }
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
