//! The one `impl ProxyHttp`: each phase of pingora calls the step of that name.

use crate::access_log::{AccessLogger, Line};
use crate::chain::{Chain, Held, Stop};
use crate::guard;
use crate::metrics::{Metrics, TenantMetrics};
use crate::relay::{self, Broken};
use crate::request::{Request, authority};
use crate::respond::{self, Answer, Problem, answer_to, ends_with_head, refused, show_versions};
use crate::settings::EdgeSettings;
use crate::tenant::Map;
use crate::upstream::forward;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all workers share.
pub struct Shared {
    pub settings: EdgeSettings,
    pub map: ArcSwap<Map>,
    pub metrics: Arc<Metrics>,
    pub no_tenant: TenantMetrics,
    pub access_log: Option<AccessLogger>,
}

/// The request path of one worker.
pub struct Phases(pub Arc<Shared>);

#[async_trait]
impl ProxyHttp for Phases {
    type CTX = Request;

    fn new_ctx(&self) -> Request {
        Request::new()
    }

    fn init_downstream_modules(&self, _: &mut pingora::modules::http::HttpModules) {}

    fn allow_spawning_subrequest(&self, session: &Session, _: &Request) -> bool {
        !session.is_subrequest()
    }

    async fn early_request_filter(&self, session: &mut Session, request: &mut Request) -> pingora::Result<()> {
        if session.subrequest_ctx.is_some() { relay::begin_leg(session, request) } else { Ok(()) }
    }

    async fn request_filter(&self, session: &mut Session, request: &mut Request) -> pingora::Result<bool> {
        if request.is_leg {
            return Ok(false);
        }
        request.method = session.req_header().method.clone();
        let admitted = self.admit(session, request);
        let handled = match admitted {
            Ok(()) if request.chain.is_some() => relay::request(session, request).await,
            Ok(()) => return Ok(false),
            Err(problem) => Err(problem.into()),
        };
        match handled {
            Ok(handled) => Ok(handled),
            Err(Broken::Error(error)) => Err(error),
            Err(Broken::Stop(stop)) if session.response_written().is_some() => Err(stopped(request, stop)),
            Err(Broken::Stop(stop)) => {
                session.set_write_timeout(Some(Duration::from_millis(self.0.settings.body_idle_ms)));
                respond::write(session, request, stop.into_answer()).await?;
                Ok(true)
            }
        }
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        request: &mut Request,
    ) -> pingora::Result<()> {
        match &mut request.chain {
            Some(chain) if chain.sees_request_chunks() && !session.was_upgraded() => {
                request.body_consumed = true;
                let passed = chain.request_chunk(body.take().unwrap_or_default(), end);
                let passed = passed.map_err(|stop| stopped(request, stop))?;
                *body = Some(passed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn upstream_peer(&self, _: &mut Session, request: &mut Request) -> pingora::Result<Box<HttpPeer>> {
        request.upstream_asked = Some(Instant::now());
        if !request.tried.is_empty() {
            self.0.metrics.retries.inc();
        }
        let attempt = request.upstream.as_ref().and_then(|upstream| upstream.choose(&request.tried));
        let Some(attempt) = attempt else {
            let problem = Problem::bad_gateway("The upstream has no address to connect to.");
            return Err(stopped(request, problem.into()));
        };
        request.tried.push(attempt.socket());
        request.upstream_socket = Some(attempt.socket());
        let peer = attempt.peer();
        request.attempt = Some(attempt);
        Ok(peer)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        request: &mut Request,
    ) -> pingora::Result<()> {
        forward::add(session, head, request)?;
        if request.chain.as_ref().is_some_and(|chain| chain.sees_request_chunks()) && !session.is_upgrade_req() {
            head.remove_header(&CONTENT_LENGTH);
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        request: &mut Request,
    ) -> pingora::Result<()> {
        if head.status.is_informational() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(());
        }
        request.upstream_answered();
        if request.is_leg {
            return Ok(());
        }
        if let Some(chain) = &mut request.chain {
            let end = ends_with_head(&request.method, head);
            match chain.response_head(head, end) {
                Ok(Held::No) => {}
                Ok(Held::Yes) => {
                    // Only an upgrade that the upstream declined comes here, see `relay::request`.
                    let detail = "A filter of this host wants the whole response of a declined upgrade.";
                    return Err(stopped(request, Problem::bad_gateway(detail).into()));
                }
                Err(stop) => return Err(stopped(request, stop)),
            }
        }
        show_versions(head, request)?;
        session.set_write_timeout(Some(Duration::from_millis(self.0.settings.body_idle_ms)));
        Ok(())
    }

    fn response_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        end: bool,
        request: &mut Request,
    ) -> pingora::Result<Option<Duration>> {
        match &mut request.chain {
            Some(chain) if chain.sees_response_chunks() && !session.was_upgraded() => {
                let passed = chain.response_chunk(body.take().unwrap_or_default(), end);
                *body = Some(passed.map_err(|stop| stopped(request, stop))?);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        request: &mut Request,
        mut error: Box<Error>,
    ) -> Box<Error> {
        // Nothing was sent: any method may try another address.
        error.set_retry(may_try_again(request));
        error
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        request: &mut Request,
        reused: bool,
    ) -> Box<Error> {
        error.retry.decide_reuse(reused);
        let repeatable = session.req_header().method.is_idempotent()
            && !session.as_ref().retry_buffer_truncated()
            && !request.body_consumed
            && session.response_written().is_none();
        // A pooled connection the upstream had closed was no attempt.
        let stale = reused && error.retry() && repeatable;
        if stale {
            request.tried.retain(|tried| Some(*tried) != request.upstream_socket);
        }
        let upstream_failed = error.esource() == &ErrorSource::Upstream && request.answer.is_none();
        error.set_retry(repeatable && (stale || (upstream_failed && may_try_again(request))));
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, request: &mut Request) -> FailToProxy {
        tracing::debug!(%error, request_id = request.id, "request failed");
        let begun = session.response_written().is_some_and(|head| !head.status.is_informational());
        let answer = request.answer.take().or_else(|| answer_to(error).map(Answer::Problem));
        let Some(answer) = answer.filter(|_| !begun && !request.is_leg) else {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        session.set_keepalive(None);
        session.set_write_timeout(Some(Duration::from_millis(self.0.settings.body_idle_ms)));
        if let Err(error) = respond::write(session, request, answer).await {
            tracing::debug!(%error, request_id = request.id, "the answer could not be written");
        }
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, request: &mut Request) {
        if !request.is_leg {
            self.finished(session, request);
        }
    }

    fn suppress_error_log(&self, _: &Session, _: &Request, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Request, _: &Error, _: ProxyWarnLogContext) -> bool {
        true
    }
}

impl Phases {
    /// Finds the tenant and room for one more exchange, and chooses versions and upstream.
    fn admit(&self, session: &mut Session, request: &mut Request) -> Result<(), Problem> {
        let settings = &self.0.settings;
        let head = session.req_header();
        if let ServerSession::H1(connection) = session.as_downstream() {
            let chunked = head.headers.contains_key(TRANSFER_ENCODING);
            let raw = connection.get_headers_raw_bytes();
            let limits = (settings.header_bytes_max, settings.headers_max);
            if let Err(bad) = guard::check_head(&raw, head.headers.len(), chunked, limits.0, limits.1) {
                session.set_keepalive(None);
                return Err(Problem::bad_request(bad.to_string()));
            }
        }
        let Some(authority) = authority(session).filter(|authority| !authority.is_empty()) else {
            return Err(Problem::bad_request("The request names no host."));
        };
        let route = self.0.map.load().find(authority).cloned();
        let Some(route) = route else {
            return Err(Problem::new(StatusCode::NOT_FOUND, "Nothing is served under this host name."));
        };
        request.admission = route.in_flight.enter(route.entry.limits.exchanges_max);
        request.upstream = route.upstreams.first().cloned();
        request.chain = Chain::choose(&route, &session.req_header().headers, request.client(), request.id);
        request.route = Some(route);
        match request.admission {
            Some(_) => Ok(()),
            None => {
                request.chain = None;
                Err(Problem::busy("This host has as many requests in flight as it may."))
            }
        }
    }

    /// Counts the request and writes its line of the access log.
    fn finished(&self, session: &Session, request: &mut Request) {
        request.upstream_answered();
        let took = request.started.elapsed();
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        let metrics = request.route.as_ref().map_or(&self.0.no_tenant, |route| &*route.metrics);
        metrics.answered(status);
        self.0.metrics.request_duration.observe(took.as_secs_f64());
        if request.upstream_socket.is_some() {
            self.0.metrics.upstream_duration.observe(request.upstream_us as f64 / 1e6);
        }
        let Some(log) = &self.0.access_log else { return };
        let head = session.req_header();
        let versions = request.chain.as_ref().map_or_else(String::new, |chain| chain.versions());
        log.log(&Line {
            tenant: request.route.as_ref().map_or("", |route| route.entry.id.as_str()),
            client: request.client(),
            method: request.method.as_str(),
            host: authority(session).unwrap_or_default().as_bytes(),
            path: head.raw_path(),
            protocol: if head.version == Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" },
            status,
            response_bytes: session.body_bytes_sent(),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            upstream: request.upstream_socket.map(|socket| (socket, request.upstream_us)),
            request_id: request.id,
            versions: &versions,
        });
    }
}

/// Keeps the answer for `fail_to_proxy` and gives pingora an error to come back with.
pub fn stopped(request: &mut Request, stop: Stop) -> Box<Error> {
    let status = match &stop {
        Stop::Answer(Answer::Problem(problem)) => problem.status,
        Stop::Answer(Answer::Reply(head, _)) => head.status,
        Stop::Abort => StatusCode::BAD_GATEWAY,
    };
    request.answer = Some(stop.into_answer());
    refused(status)
}

fn may_try_again(request: &Request) -> bool {
    let Some(upstream) = &request.upstream else { return false };
    request.tried.len() <= usize::from(upstream.definition.retries_max)
        && upstream.addresses().iter().any(|address| !request.tried.contains(&address.socket))
}

/// For errors of ours that pingora should treat as its own.
pub fn internal(context: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InternalError, context)
}
