//! Host -> tenant, from one immutable map that is replaced atomically.
//!
//! A request looks its tenant up once, at its start, and keeps the route it got: it never sees two
//! snapshots. Exact hosts win over wildcards, longer wildcards over shorter ones. Names are
//! compared without case, without port and without a trailing dot.

use crate::metrics::TenantMetrics;
use crate::node::prepare::Arm;
use crate::upstream::Upstream;
use crate::version::decide;
use http::HeaderMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use switchyard_contract::seed::Seed;
use switchyard_contract::snapshot::TenantEntry;
use switchyard_contract::{Generation, TenantId};

/// DNS names end at 253 characters; anything longer is nobody's.
const HOST_BYTES_MAX: usize = 253;

/// Everything a node serves at one generation.
#[derive(Default)]
pub struct Map {
    pub generation: Generation,
    pub tenants: HashMap<TenantId, Arc<TenantRoute>>,
    hosts: HashMap<Box<str>, Arc<TenantRoute>, ahash::RandomState>,
    /// Without the leading `*.`.
    wildcards: HashMap<Box<str>, Arc<TenantRoute>, ahash::RandomState>,
}

/// One tenant, ready to serve.
pub struct TenantRoute {
    pub entry: Arc<TenantEntry>,
    /// In the order of the entry; never empty.
    pub upstreams: Vec<Arc<Upstream>>,
    pub bindings: Vec<BindingRoute>,
    pub in_flight: Arc<InFlight>,
    pub metrics: Arc<TenantMetrics>,
}

/// The versions of one plugin on a tenant's path.
pub struct BindingRoute {
    /// Position in `TenantEntry::bindings`.
    pub index: usize,
    pub seed: Seed,
    /// In the order of the split's arms; never empty.
    pub arms: Vec<Arc<Arm>>,
}

impl BindingRoute {
    /// The version that serves this request.
    pub fn choose(&self, entry: &TenantEntry, headers: &HeaderMap, client: IpAddr) -> Option<&Arc<Arm>> {
        let binding = entry.bindings.get(self.index)?;
        self.arms.get(decide(&binding.split, self.seed, &binding.stickiness, headers, client))
    }
}

/// Exchanges of one tenant at this moment. Survives changes of the tenant.
#[derive(Debug, Default)]
pub struct InFlight(AtomicU32);

impl InFlight {
    /// One more, unless that would be more than `max`.
    pub fn enter(self: &Arc<Self>, max: u32) -> Option<Admission> {
        if self.0.fetch_add(1, Ordering::Relaxed) >= max {
            self.0.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Admission(self.clone()))
    }
    pub fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An exchange that counts; dropping it ends the exchange.
#[derive(Debug)]
pub struct Admission(Arc<InFlight>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Map {
    pub fn new(generation: Generation, routes: impl IntoIterator<Item = Arc<TenantRoute>>) -> Self {
        let mut map = Self { generation, ..Self::default() };
        for route in routes {
            for host in &route.entry.hosts {
                match host.as_str().strip_prefix("*.") {
                    Some(suffix) => map.wildcards.insert(suffix.into(), route.clone()),
                    None => map.hosts.insert(host.as_str().into(), route.clone()),
                };
            }
            map.tenants.insert(route.entry.id.clone(), route);
        }
        map
    }

    /// The tenant that answers for the value of a `Host` header or an `:authority`.
    pub fn find(&self, authority: &str) -> Option<&Arc<TenantRoute>> {
        let host = without_port(authority);
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.len() > HOST_BYTES_MAX {
            return None;
        }
        if !host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.find_lower_case(host);
        }
        let mut buffer = [0u8; HOST_BYTES_MAX];
        let lower = buffer.get_mut(..host.len())?;
        lower.copy_from_slice(host.as_bytes());
        lower.make_ascii_lowercase();
        self.find_lower_case(std::str::from_utf8(lower).ok()?)
    }

    fn find_lower_case(&self, host: &str) -> Option<&Arc<TenantRoute>> {
        if let Some(route) = self.hosts.get(host) {
            return Some(route);
        }
        if self.wildcards.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((label, suffix)) = rest.split_once('.') {
            if label.is_empty() {
                return None;
            }
            if let Some(route) = self.wildcards.get(suffix) {
                return Some(route);
            }
            rest = suffix;
        }
        None
    }
}

/// Cuts `:port`, leaving an address in brackets whole.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !is_bare_ipv6(authority) => host,
        _ => authority,
    }
}

fn is_bare_ipv6(authority: &str) -> bool {
    !authority.starts_with('[') && authority.bytes().filter(|byte| *byte == b':').count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(id: &str, hosts: &[&str]) -> Arc<TenantRoute> {
        Arc::new(TenantRoute {
            entry: Arc::new(TenantEntry {
                id: id.parse().unwrap(),
                hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
                upstreams: Vec::new(),
                bindings: Vec::new(),
                show_versions: false,
                limits: Default::default(),
            }),
            upstreams: Vec::new(),
            bindings: Vec::new(),
            in_flight: Arc::default(),
            metrics: Arc::new(TenantMetrics::unregistered()),
        })
    }
    fn found(map: &Map, authority: &str) -> Option<String> {
        map.find(authority).map(|route| route.entry.id.to_string())
    }

    #[test]
    fn exact_hosts_win_over_wildcards_and_longer_wildcards_over_shorter() {
        let map = Map::new(
            Generation(1),
            [
                route("shop", &["shop.example", "*.shop.example"]),
                route("api", &["api.shop.example", "*.eu.shop.example"]),
            ],
        );
        for (authority, tenant) in [
            ("shop.example", Some("shop")),
            ("SHOP.Example:8080", Some("shop")),
            ("shop.example.", Some("shop")),
            ("www.shop.example", Some("shop")),
            ("a.b.shop.example", Some("shop")),
            ("api.shop.example", Some("api")),
            ("x.eu.shop.example:1", Some("api")),
            ("eu.shop.example", Some("shop")),
            ("other.example", None),
            (".shop.example", None),
            ("xshop.example", None),
            ("", None),
            ("[::1]:80", None),
            (&"a".repeat(300), None),
        ] {
            assert_eq!(found(&map, authority).as_deref(), tenant, "{authority}");
        }
    }

    #[test]
    fn ports_are_cut_and_addresses_kept() {
        for (authority, host) in
            [("a:80", "a"), ("a", "a"), ("a:", "a"), ("[::1]:80", "[::1]"), ("::1", "::1"), ("a:b", "a:b")]
        {
            assert_eq!(without_port(authority), host);
        }
    }

    #[test]
    fn admissions_are_counted_up_to_the_limit() {
        let in_flight = Arc::new(InFlight::default());
        let first = in_flight.enter(2);
        let second = in_flight.enter(2);
        assert!(first.is_some() && second.is_some());
        assert!(in_flight.enter(2).is_none());
        drop(first);
        assert!(in_flight.enter(2).is_some());
        drop(second);
        assert_eq!(in_flight.now(), 0);
    }
}
