//! Outside the API: whether the process lives, whether it can work, and what it counts.

use super::Problem;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus::{Encoder, TextEncoder};
use serde_json::json;

pub async fn alive() -> &'static str {
    "ok\n"
}

/// Ready when the store answers and every node has swapped to what is published.
pub async fn ready(State(app): State<App>) -> Response {
    let store = app.store().ping().await;
    let published = app.feed().published_generation().unwrap_or_default();
    let acknowledged = app.feed().acknowledgements(published).is_some();
    let status = if store.is_ok() && acknowledged { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": status == StatusCode::OK,
        "store": store.map_or_else(|error| error.to_string(), |()| "ok".to_owned()),
        "nodes": if acknowledged { "ok" } else { "a node has not acknowledged the published generation yet" },
        "generation": published,
    });
    (status, Json(body)).into_response()
}

/// Prometheus text format.
pub async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let unsettled = app.world().deployments().values().filter(|deployment| !deployment.is_settled()).count();
    app.metrics().unsettled(unsettled);
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    let written = encoder.encode(&app.metrics().registry.gather(), &mut text);
    written.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}
