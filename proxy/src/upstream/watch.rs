//! Keeps an upstream's names resolved and its addresses checked, off the request path.
//!
//! One task per upstream that needs it; it ends when the upstream is gone.

use super::{Address, Upstream};
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use switchyard_contract::snapshot::HealthCheck;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a name may take to resolve; the old addresses serve meanwhile.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until the upstream is dropped. `connector` is for health checks alone: its connections are
/// never used for requests.
pub async fn watch(upstream: Weak<Upstream>, connector: Arc<Connector>, resolve_every: Duration) {
    let mut streaks = HashMap::new();
    let mut resolve_at = Instant::now();
    let mut check_at = Instant::now();
    loop {
        let Some(current) = upstream.upgrade() else { return };
        let now = Instant::now();
        if now >= resolve_at {
            resolve(&current).await;
            resolve_at = Instant::now() + resolve_every;
        }
        let mut wake_at = resolve_at;
        if let Some(check) = &current.definition.health_check {
            if now >= check_at {
                check_all(&current, check, &connector, &mut streaks).await;
                check_at = Instant::now() + Duration::from_millis(check.interval_ms.max(10));
            }
            wake_at = wake_at.min(check_at);
        }
        drop(current);
        sleep_until(wake_at).await;
    }
}

/// Whether anything about this upstream changes by itself.
pub fn is_needed(upstream: &Upstream) -> bool {
    upstream.definition.health_check.is_some() || upstream.definition.addresses.iter().any(|text| is_name(text))
}

fn is_name(address: &str) -> bool {
    address.parse::<SocketAddr>().is_err()
}

/// Resolves every name. A name that does not resolve leaves all addresses as they are.
pub async fn resolve(upstream: &Upstream) {
    let texts = &upstream.definition.addresses;
    if !texts.iter().any(|text| is_name(text)) {
        return;
    }
    let mut sockets = Vec::new();
    for text in texts {
        match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(text)).await {
            Ok(Ok(found)) => sockets.extend(found),
            Ok(Err(error)) => {
                tracing::warn!(upstream = upstream.definition.name, %text, %error, "name does not resolve");
                return;
            }
            Err(_) => {
                tracing::warn!(upstream = upstream.definition.name, %text, "name takes too long to resolve");
                return;
            }
        }
    }
    upstream.set_addresses(&sockets);
}

/// Checks of one kind in a row: positive while they succeed, negative while they fail.
type Streaks = HashMap<SocketAddr, i64>;

async fn check_all(upstream: &Upstream, check: &HealthCheck, connector: &Connector, streaks: &mut Streaks) {
    for address in upstream.addresses().iter() {
        let limit = Duration::from_millis(check.timeout_ms);
        let passed = matches!(timeout(limit, probe(address, check, connector)).await, Ok(Ok(true)));
        let streak = streaks.entry(address.socket).or_default();
        *streak = if passed { (*streak).max(0) + 1 } else { (*streak).min(0) - 1 };
        let healthy = address.is_healthy();
        let flips = match healthy {
            true => -*streak >= i64::from(check.unhealthy_after.max(1)),
            false => *streak >= i64::from(check.healthy_after.max(1)),
        };
        if flips {
            address.healthy.store(!healthy, Ordering::Relaxed);
            tracing::info!(upstream = upstream.definition.name, address = %address.socket, healthy = !healthy, "health changed");
        }
    }
}

/// One request on a new connection; any status from 200 to 399 is health.
async fn probe(address: &Address, check: &HealthCheck, connector: &Connector) -> pingora::Result<bool> {
    let (mut session, _) = connector.get_http_session(&address.peer).await?;
    let mut request = RequestHeader::build("GET", check.path.as_bytes(), Some(2))?;
    let host = match address.peer.sni.as_str() {
        "" => address.socket.to_string(),
        name => name.to_owned(),
    };
    request.insert_header(http::header::HOST, host)?;
    request.insert_header(http::header::USER_AGENT, "switchyard-health")?;
    if session.as_http2().is_some() {
        let authority = address.socket.to_string();
        let uri = http::Uri::builder().scheme("http").authority(authority).path_and_query(check.path.as_str()).build();
        request.remove_header(&http::header::HOST);
        request.set_version(http::Version::HTTP_2);
        if let Ok(uri) = uri {
            request.set_uri(uri);
        }
    }
    session.write_request_header(Box::new(request)).await?;
    session.finish_request_body().await?;
    session.read_response_header().await?;
    let healthy = session.response_header().is_some_and(|head| (200..400).contains(&head.status.as_u16()));
    session.shutdown().await;
    Ok(healthy)
}
