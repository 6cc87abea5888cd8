//! Errors as RFC 9457 problem details: the one place where an error becomes an answer.

use crate::app::AppError;
use crate::artifacts::ArtifactError;
use crate::store::StoreError;
use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use switchyard_domain::{Reason, Refusal, RefusalKind};

/// `type` is `urn:switchyard:problem:` and one of these; scripts may hang on them.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Reason>,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Reason],
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, title, detail: detail.into(), errors: Vec::new() }
    }
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Who you are is not known", detail)
    }
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }
    pub fn invalid(errors: Vec<Reason>) -> Self {
        Refusal::invalid(errors).into()
    }
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request could not be read", detail)
    }
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
    }
    pub fn media_type(detail: impl Into<String>) -> Self {
        let title = "The body is of the wrong type";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", title, detail)
    }
    pub fn method() -> Self {
        let detail = "this address does not take that method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The method is not allowed", detail)
    }
    pub fn timeout(seconds: u64) -> Self {
        let detail = format!("the request was not answered within {seconds} s; what it asked for may still happen");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "It took too long", detail)
    }
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The control plane cannot do this now", detail)
    }
    pub fn internal(detail: impl Into<String>) -> Self {
        let title = "The control plane made a mistake";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: format!("urn:switchyard:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind, title) = match refusal.kind {
            RefusalKind::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            RefusalKind::Conflict => (StatusCode::CONFLICT, "conflict", "The present state is in the way"),
            RefusalKind::Invalid => (StatusCode::BAD_REQUEST, "invalid", "The request is not valid"),
            RefusalKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This is not allowed to you"),
        };
        Self { status, kind, title, detail: refusal.detail, errors: refusal.reasons }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => refusal.into(),
            AppError::Artifact(error) => error.into(),
            AppError::Store(error) => error.into(),
            AppError::KeyReused(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key belongs to another request",
                error.to_string(),
            ),
            AppError::Unsound(_) => {
                tracing::error!(%error, "the rules have a hole");
                Self::internal(error.to_string())
            }
            AppError::Panicked => Self::internal(error.to_string()),
            AppError::Stopping => Self::unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        match error {
            StoreError::Corrupt(_) => Self::internal(error.to_string()),
            other => Self::unavailable(other.to_string()),
        }
    }
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::TooLarge { .. } => Self::too_large(error.to_string()),
            ArtifactError::Missing(_) => Self::not_found(error.to_string()),
            ArtifactError::Damaged(_) | ArtifactError::Io { .. } => {
                tracing::error!(%error, "the artifacts failed");
                Self::unavailable(error.to_string())
            }
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large("the body is larger than this address takes");
        }
        Self::malformed(rejection.body_text())
    }
}
