//! What pingora needs to know to connect to an upstream, made once per definition.

use pingora::protocols::ALPN;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::upstreams::peer::{HttpPeer, PeerOptions, Scheme};
use pingora::utils::tls::WrappedX509;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use switchyard_contract::TenantId;
use switchyard_contract::snapshot::{Upstream, UpstreamProtocol, UpstreamTls};
use x509_parser::prelude::{FromDer, X509Certificate};
use xxhash_rust::xxh3::xxh3_64;

/// HTTP/2 streams on one upstream connection before another is opened.
const STREAMS_MAX: usize = 128;

/// Why an upstream can never work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpstream {
    #[error("upstream {name} has no addresses")]
    NoAddress { name: String },
    #[error("upstream {name}: address {address:?} is neither host:port nor address:port")]
    Address { name: String, address: String },
    #[error("upstream {name}: TLS needs the name to verify, and it is empty")]
    NoServerName { name: String },
    #[error("upstream {name}: the authorities to trust are not PEM certificates: {reason}")]
    Authorities { name: String, reason: String },
}

/// A peer without its address.
pub fn template(tenant: &TenantId, upstream: &Upstream) -> Result<HttpPeer, InvalidUpstream> {
    check_addresses(upstream)?;
    let options = options(upstream)?;
    Ok(HttpPeer {
        _address: SocketAddr::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into()),
        scheme: Scheme::from_tls_bool(upstream.tls.is_some()),
        sni: upstream.tls.as_ref().map_or_else(String::new, |tls| tls.server_name.clone()),
        proxy: None,
        client_cert_key: None,
        group_key: group_key(tenant, upstream),
        options,
    })
}

fn check_addresses(upstream: &Upstream) -> Result<(), InvalidUpstream> {
    let name = || upstream.name.clone();
    if upstream.addresses.is_empty() {
        return Err(InvalidUpstream::NoAddress { name: name() });
    }
    let wrong = upstream.addresses.iter().find(|address| {
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        !port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    match wrong {
        Some(address) => Err(InvalidUpstream::Address { name: name(), address: address.clone() }),
        None => Ok(()),
    }
}

/// Connections are shared only between requests for which all of this is the same. The addresses
/// are left out: pingora keys by the one it connects to.
fn group_key(tenant: &TenantId, upstream: &Upstream) -> u64 {
    let mut key = Vec::with_capacity(256);
    for part in [tenant.as_str(), &upstream.name] {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key.push(matches!(upstream.protocol, UpstreamProtocol::Http2).into());
    if let Some(UpstreamTls { server_name, ca_pem }) = &upstream.tls {
        key.extend_from_slice(server_name.as_bytes());
        key.push(0);
        key.extend_from_slice(ca_pem.as_deref().unwrap_or_default().as_bytes());
    }
    xxh3_64(&key)
}

fn options(upstream: &Upstream) -> Result<PeerOptions, InvalidUpstream> {
    let timeouts = &upstream.timeouts;
    let mut options = PeerOptions::new();
    options.connection_timeout = Some(Duration::from_millis(timeouts.connect_ms));
    // Also bounds the TLS handshake: a dead upstream is answered within the connect timeout.
    options.total_connection_timeout = Some(Duration::from_millis(timeouts.connect_ms));
    options.read_timeout = Some(Duration::from_millis(timeouts.read_ms));
    options.write_timeout = Some(Duration::from_millis(timeouts.write_ms));
    options.idle_timeout = Some(Duration::from_millis(timeouts.idle_ms));
    options.alpn = match upstream.protocol {
        UpstreamProtocol::Http1 => ALPN::H1,
        UpstreamProtocol::Http2 => ALPN::H2,
    };
    options.max_h2_streams = STREAMS_MAX;
    if let Some(tls) = &upstream.tls {
        if tls.server_name.is_empty() {
            return Err(InvalidUpstream::NoServerName { name: upstream.name.clone() });
        }
        if let Some(pem) = &tls.ca_pem {
            options.ca = Some(authorities(&upstream.name, pem)?);
        }
    }
    Ok(options)
}

fn authorities(name: &str, pem: &str) -> Result<Arc<[WrappedX509]>, InvalidUpstream> {
    let invalid = |reason: String| InvalidUpstream::Authorities { name: name.to_owned(), reason };
    let mut authorities = Vec::new();
    for der in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = der.map_err(|error| invalid(error.to_string()))?;
        let parsed = WrappedX509::try_new(der.to_vec(), |der| X509Certificate::from_der(der).map(|(_, parsed)| parsed));
        authorities.push(parsed.map_err(|error| invalid(error.to_string()))?);
    }
    if authorities.is_empty() {
        return Err(invalid("there is none in the text".into()));
    }
    Ok(authorities.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(change: impl FnOnce(&mut Upstream)) -> Upstream {
        let mut upstream = Upstream {
            name: "main".into(),
            addresses: vec!["127.0.0.1:80".into()],
            protocol: UpstreamProtocol::Http1,
            tls: Some(UpstreamTls { server_name: "a.example".into(), ca_pem: None }),
            health_check: None,
            timeouts: Default::default(),
            retries_max: 0,
        };
        change(&mut upstream);
        upstream
    }

    #[test]
    fn what_can_never_work_is_refused() {
        let tenant = "shop".parse().unwrap();
        let refused = |change: fn(&mut Upstream)| template(&tenant, &upstream(change)).map(|_| ()).unwrap_err();
        assert!(matches!(refused(|u| u.addresses.clear()), InvalidUpstream::NoAddress { .. }));
        for bad in ["a", "a:", ":80", "a:0", "a:99999", ""] {
            let wrong = upstream(|u| u.addresses = vec![bad.into()]);
            assert!(matches!(template(&tenant, &wrong), Err(InvalidUpstream::Address { .. })), "{bad}");
        }
        let no_name = |u: &mut Upstream| u.tls = Some(UpstreamTls { server_name: String::new(), ca_pem: None });
        assert!(matches!(refused(no_name), InvalidUpstream::NoServerName { .. }));
        let bad_ca =
            |u: &mut Upstream| u.tls = Some(UpstreamTls { server_name: "a".into(), ca_pem: Some("no".into()) });
        assert!(matches!(refused(bad_ca), InvalidUpstream::Authorities { .. }));
    }

    #[test]
    fn connections_are_not_shared_across_tenants_names_or_authorities() {
        let key = |tenant: &str, change: fn(&mut Upstream)| group_key(&tenant.parse().unwrap(), &upstream(change));
        let base = key("shop", |_| {});
        assert_eq!(base, key("shop", |u| u.addresses = vec!["127.0.0.1:81".into()]));
        assert_ne!(base, key("other", |_| {}));
        assert_ne!(base, key("shop", |u| u.name = "second".into()));
        assert_ne!(base, key("shop", |u| u.protocol = UpstreamProtocol::Http2));
        let other_ca = |u: &mut Upstream| {
            u.tls = Some(UpstreamTls { server_name: "a.example".into(), ca_pem: Some("x".into()) });
        };
        assert_ne!(base, key("shop", other_ca));
    }
}
