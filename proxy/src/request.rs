//! What is known of one request while it is served.

use crate::chain::Chain;
use crate::guard::{CONNECTION, Connection};
use crate::respond::Answer;
use crate::tenant::{Admission, TenantRoute};
use crate::upstream::{Attempt, Upstream};
use http::Method;
use pingora::proxy::Session;
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The state pingora carries from phase to phase.
pub struct Request {
    pub id: u64,
    pub started: Instant,
    pub connection: Option<Arc<Connection>>,
    /// As the client sent it.
    pub method: Method,
    /// The tenant's form this request is served by, from beginning to end.
    pub route: Option<Arc<TenantRoute>>,
    pub admission: Option<Admission>,
    /// `None`: no filters.
    pub chain: Option<Box<Chain>>,
    pub upstream: Option<Arc<Upstream>>,
    pub attempt: Option<Attempt>,
    /// Addresses asked so far, the current one included.
    pub tried: Vec<SocketAddr>,
    pub upstream_asked: Option<Instant>,
    pub upstream_us: u64,
    pub upstream_socket: Option<SocketAddr>,
    /// What is written when pingora comes back with an error.
    pub answer: Option<Answer>,
    /// Body bytes went through filters that cannot take them back.
    pub body_consumed: bool,
    /// This is the upstream leg of another request, see `relay`.
    pub is_leg: bool,
    /// Tells the request of this leg which address answered, and after how many microseconds.
    pub leg_learned: Option<Box<dyn FnOnce(SocketAddr, u64) + Send + Sync>>,
}

impl Request {
    pub fn new() -> Self {
        let connection = CONNECTION.try_with(Arc::clone).ok();
        if let Some(connection) = &connection {
            connection.served();
        }
        Self {
            id: next_id(),
            started: Instant::now(),
            connection,
            method: Method::GET,
            route: None,
            admission: None,
            chain: None,
            upstream: None,
            attempt: None,
            tried: Vec::new(),
            upstream_asked: None,
            upstream_us: 0,
            upstream_socket: None,
            answer: None,
            body_consumed: false,
            is_leg: false,
            leg_learned: None,
        }
    }

    pub fn client(&self) -> IpAddr {
        self.connection.as_ref().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |connection| connection.client.ip())
    }

    pub fn scheme(&self) -> &'static str {
        match &self.connection {
            Some(connection) if connection.tls => "https",
            _ => "http",
        }
    }

    /// Counts the time from choosing the upstream to its response head.
    pub fn upstream_answered(&mut self) {
        if let Some(asked) = self.upstream_asked.take() {
            self.upstream_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        }
        if let (Some(tell), Some(socket)) = (self.leg_learned.take(), self.upstream_socket) {
            tell(socket, self.upstream_us);
        }
    }
}

/// The authority the client asked for: `:authority` where there is one, else `Host`.
pub fn authority(session: &Session) -> Option<&str> {
    let head = session.req_header();
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()),
    }
}

thread_local! {
    /// The next id of this thread and the distance to the one after.
    static NEXT_ID: Cell<u64> = const { Cell::new(0) };
}
static THREADS: AtomicU64 = AtomicU64::new(1);

/// Ids are unique in a node's life and look random: a counter per thread, mixed by a bijection
/// (the finalizer of SplitMix64) with a seed of the process.
fn next_id() -> u64 {
    let count = NEXT_ID.get();
    let count = if count == 0 { THREADS.fetch_add(1, Ordering::Relaxed) << 44 } else { count };
    NEXT_ID.set(count + 1);
    let mut mixed = (count ^ process_seed()).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn process_seed() -> u64 {
    static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *SEED.get_or_init(rand::random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_do_not_repeat_across_threads() {
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(|| (0..10_000).map(|_| next_id()).collect::<Vec<_>>())).collect();
        let ids: HashSet<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 40_000);
    }
}
