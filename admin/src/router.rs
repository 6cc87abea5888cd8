//! Every route on one screen, and what surrounds them all.

use crate::api::{
    Problem, audit, deployments, explain, health, nodes, plugins, tenant_plugins, tenants, tokens, upload,
};
use crate::app::App;
use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use http::header::CONNECTION;
use http::{HeaderValue, Version};
use std::any::Any;
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;

const BODY_BYTES_MAX: usize = 2 << 20;
/// What a multipart form holds beside the artifact.
const FORM_BYTES_MAX: u64 = 1 << 20;
const BODY_BYTES_READ_AWAY_MAX: u64 = 16 << 10;
const ANSWER_WITHIN_S: u64 = 60;
/// 100 MB over a slow line, then compiled.
const UPLOAD_WITHIN_S: u64 = 600;

/// `artifact_bytes_max`: of one upload.
pub fn router(app: App, artifact_bytes_max: u64) -> Router {
    let upload_bytes_max = usize::try_from(artifact_bytes_max.saturating_add(FORM_BYTES_MAX)).unwrap_or(usize::MAX);
    let upload =
        post(upload::register).layer(DefaultBodyLimit::max(upload_bytes_max)).layer(from_fn(within::<UPLOAD_WITHIN_S>));
    let api = Router::new()
        .route("/plugins", get(plugins::list))
        .route("/plugins/{plugin}", get(plugins::show).delete(plugins::delete))
        .route("/plugins/{plugin}/versions", get(plugins::versions))
        .route("/plugins/{plugin}/versions/{version}", get(plugins::version))
        .route("/plugins/{plugin}/versions/{version}/artifact", get(plugins::artifact))
        .route("/plugins/{plugin}/rollback", post(deployments::roll_back_plugin))
        .route("/tenants", get(tenants::list).post(tenants::create))
        .route("/tenants/{tenant}", get(tenants::show).put(tenants::put).delete(tenants::delete))
        .route("/tenants/{tenant}/plugins", get(tenant_plugins::list))
        .route("/tenants/{tenant}/plugins/{plugin}", delete(tenant_plugins::remove))
        .route("/tenants/{tenant}/plugins/{plugin}/enable", post(tenant_plugins::enable))
        .route("/tenants/{tenant}/plugins/{plugin}/disable", post(tenant_plugins::disable))
        .route("/tenants/{tenant}/plugins/{plugin}/config", put(tenant_plugins::configure))
        .route("/tenants/{tenant}/plugins/{plugin}/pin", put(tenant_plugins::pin).delete(tenant_plugins::unpin))
        .route("/deployments", get(deployments::list).post(deployments::create))
        .route("/deployments/{id}", get(deployments::show).patch(deployments::reweigh))
        .route("/deployments/{id}/rollback", post(deployments::roll_back))
        .route("/nodes", get(nodes::list))
        .route("/audit", get(audit::list))
        .route("/audit/verify", get(audit::verify))
        .route("/explain", get(explain::explain))
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(within::<ANSWER_WITHIN_S>))
        .route("/plugins", upload);
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(async || Problem::method())
        .layer(from_fn_with_state(app.clone(), measured))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn nowhere(request: Request) -> Problem {
    Problem::not_found(format!("there is no address {}", request.uri().path()))
}

async fn within<const SECONDS: u64>(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(Duration::from_secs(SECONDS), next.run(request)).await;
    answered.unwrap_or_else(|_| Problem::timeout(SECONDS).into_response())
}

async fn measured(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    // The pattern, not the address: a bounded number of labels.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let may_be_left_unread = request.version() < Version::HTTP_2 && leaves_much(&request);
    let mut response = next.run(request).await;
    if may_be_left_unread && !response.status().is_success() {
        // The rest of the body will not be read: nothing else can follow on this connection.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    app.metrics().request(method.as_str(), &route, response.status().as_u16(), began.elapsed());
    response
}

/// Whether the body is longer than what is read away after an early answer.
fn leaves_much(request: &Request) -> bool {
    request.body().size_hint().upper().is_none_or(|bytes| bytes > BODY_BYTES_READ_AWAY_MAX)
}

/// Details stay in the log: they are not for whoever can make us panic.
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    Problem::internal("the request was not carried out to its end; the log says more").into_response()
}
