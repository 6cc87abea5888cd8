//! Where a tenant's requests go: addresses with their health and load, and the choice among them.
//!
//! An upstream outlives changes of its tenant as long as its own definition stays the same, so
//! health and connections survive deployments. `watch` keeps addresses resolved and checked, off
//! the request path. Connections are never shared across tenants, upstreams or definitions:
//! `group_key` is part of pingora's pool key.

pub mod forward;
mod peer;
pub mod watch;

pub use peer::InvalidUpstream;

use arc_swap::ArcSwap;
use pingora::upstreams::peer::HttpPeer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use switchyard_contract::TenantId;
use switchyard_contract::snapshot;

/// One named upstream of one tenant.
pub struct Upstream {
    pub definition: snapshot::Upstream,
    template: HttpPeer,
    /// Replaced whole when names resolve anew; addresses that stay keep their state.
    addresses: ArcSwap<Vec<Arc<Address>>>,
    next: AtomicUsize,
}

/// One socket address of an upstream.
pub struct Address {
    pub socket: SocketAddr,
    peer: HttpPeer,
    in_flight: AtomicU32,
    healthy: AtomicBool,
}

/// An exchange on its way to an address; dropping it ends the exchange there.
pub struct Attempt(Arc<Address>);

impl Attempt {
    pub fn socket(&self) -> SocketAddr {
        self.0.socket
    }
    pub fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.0.peer.clone())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Address {
    pub fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }
}

impl Upstream {
    /// Errors: something in the definition can never work. Names are resolved by `watch`, literal
    /// addresses are there at once.
    pub fn new(tenant: &TenantId, definition: snapshot::Upstream) -> Result<Self, InvalidUpstream> {
        let template = peer::template(tenant, &definition)?;
        let literal = definition.addresses.iter().filter_map(|text| text.parse().ok()).collect::<Vec<SocketAddr>>();
        let upstream = Self { definition, template, addresses: ArcSwap::default(), next: AtomicUsize::new(0) };
        upstream.set_addresses(&literal);
        Ok(upstream)
    }

    /// The addresses as they are now.
    pub fn addresses(&self) -> Arc<Vec<Arc<Address>>> {
        self.addresses.load_full()
    }

    /// Replaces the addresses; those that stay keep their load and health.
    pub fn set_addresses(&self, sockets: &[SocketAddr]) {
        let old = self.addresses.load();
        let mut addresses: Vec<Arc<Address>> = Vec::with_capacity(sockets.len());
        for socket in sockets {
            if addresses.iter().any(|address| address.socket == *socket) {
                continue;
            }
            let kept = old.iter().find(|address| address.socket == *socket).cloned();
            addresses.push(kept.unwrap_or_else(|| Arc::new(self.address(*socket))));
        }
        self.addresses.store(Arc::new(addresses));
    }

    fn address(&self, socket: SocketAddr) -> Address {
        let mut peer = self.template.clone();
        peer._address = pingora::protocols::l4::socket::SocketAddr::Inet(socket);
        Address { socket, peer, in_flight: AtomicU32::new(0), healthy: AtomicBool::new(true) }
    }

    /// The least loaded healthy address that was not `tried`, in turn among equals. With no healthy
    /// one left the unhealthy are asked too: a wrong health check must not take a tenant down.
    /// `None`: there is no address that was not tried.
    pub fn choose(&self, tried: &[SocketAddr]) -> Option<Attempt> {
        let addresses = self.addresses.load();
        let start = match addresses.len() {
            0 => return None,
            1 => 0,
            len => self.next.fetch_add(1, Ordering::Relaxed) % len,
        };
        let (before, after) = addresses.split_at_checked(start)?;
        let in_turn = || after.iter().chain(before).filter(|address| !tried.contains(&address.socket));
        let load = |address: &&Arc<Address>| address.in_flight.load(Ordering::Relaxed);
        let healthy = in_turn().filter(|address| address.is_healthy()).min_by_key(load);
        let chosen = healthy.or_else(|| in_turn().min_by_key(load))?;
        chosen.in_flight.fetch_add(1, Ordering::Relaxed);
        Some(Attempt(chosen.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(addresses: &[&str]) -> Upstream {
        let definition = snapshot::Upstream {
            name: "main".into(),
            addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
            protocol: Default::default(),
            tls: None,
            health_check: None,
            timeouts: Default::default(),
            retries_max: 1,
        };
        Upstream::new(&"shop".parse().unwrap(), definition).unwrap()
    }
    fn port(attempt: &Option<Attempt>) -> Option<u16> {
        attempt.as_ref().map(|attempt| attempt.socket().port())
    }

    #[test]
    fn idle_addresses_take_turns_and_busy_ones_wait() {
        let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        let ports: Vec<_> = (0..6).map(|_| port(&upstream.choose(&[]))).collect();
        assert_eq!(ports, [1, 2, 3, 1, 2, 3].map(Some));
        let busy = upstream.choose(&[]);
        assert_eq!(port(&busy), Some(1));
        let ports: Vec<_> = (0..6).map(|_| port(&upstream.choose(&[]))).collect();
        assert!(!ports.contains(&Some(1)), "{ports:?}");
    }

    #[test]
    fn a_tried_address_is_not_tried_again() {
        let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2"]);
        let first = upstream.choose(&[]).unwrap().socket();
        let second = upstream.choose(&[first]).unwrap().socket();
        assert_ne!(first, second);
        assert!(upstream.choose(&[first, second]).is_none());
    }

    #[test]
    fn unhealthy_addresses_are_left_out_unless_all_are() {
        let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2"]);
        let addresses = upstream.addresses();
        addresses[0].healthy.store(false, Ordering::Relaxed);
        assert!((0..4).all(|_| port(&upstream.choose(&[])) == Some(2)));
        addresses[1].healthy.store(false, Ordering::Relaxed);
        assert!(upstream.choose(&[]).is_some());
    }

    #[test]
    fn addresses_that_stay_keep_their_state() {
        let upstream = upstream(&["127.0.0.1:1"]);
        upstream.addresses()[0].healthy.store(false, Ordering::Relaxed);
        upstream.set_addresses(&["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()]);
        let healthy: Vec<_> = upstream.addresses().iter().map(|address| address.is_healthy()).collect();
        assert_eq!(healthy, [false, true]);
    }
}
