//! What an upstream must be. Its types cannot express everything the data plane relies on.

use crate::refusal::Faults;
use crate::tenant::ADDRESSES_PER_UPSTREAM_MAX;
use std::net::SocketAddr;
use switchyard_contract::Host;
use switchyard_contract::snapshot::{HealthCheck, Upstream, UpstreamTimeouts};

const NAME_CHARS_MAX: usize = 63;
const RETRIES_MAX: u8 = 5;
const TIMEOUT_MS_MAX: u64 = 3_600_000;
const HEALTH_INTERVAL_MS_MIN: u64 = 100;

pub(super) fn check(upstream: &Upstream, pointer: &str, faults: &mut Faults) {
    let name = &upstream.name;
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(is_name_byte) {
        let reason = format!("the name of an upstream is 1 to {NAME_CHARS_MAX} of a-z, A-Z, 0-9, - and _");
        faults.invalid(format!("{pointer}/name"), reason);
    }
    let addresses = upstream.addresses.len();
    if addresses == 0 || addresses > ADDRESSES_PER_UPSTREAM_MAX {
        let reason = format!("an upstream has 1 to {ADDRESSES_PER_UPSTREAM_MAX} addresses, this one has {addresses}");
        faults.invalid(format!("{pointer}/addresses"), reason);
    }
    for (at, address) in upstream.addresses.iter().enumerate() {
        if let Err(reason) = check_address(address) {
            faults.invalid(format!("{pointer}/addresses/{at}"), reason);
        }
    }
    if let Some(tls) = &upstream.tls {
        if tls.server_name.parse::<Host>().is_err() || tls.server_name.starts_with("*.") {
            let reason = "a certificate is verified against a host name: give one, lower case";
            faults.invalid(format!("{pointer}/tls/serverName"), reason);
        }
        if tls.ca_pem.as_deref().is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            faults.invalid(format!("{pointer}/tls/caPem"), "holds no PEM certificate");
        }
    }
    if upstream.retries_max > RETRIES_MAX {
        faults.invalid(format!("{pointer}/retriesMax"), format!("at most {RETRIES_MAX} retries"));
    }
    check_timeouts(&upstream.timeouts, pointer, faults);
    if let Some(health_check) = &upstream.health_check {
        check_health(health_check, &format!("{pointer}/healthCheck"), faults);
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn check_address(address: &str) -> Result<(), String> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return if socket.port() > 0 { Ok(()) } else { Err(format!("{address:?} has port 0")) };
    }
    let wrong = || format!("{address:?} is no host:port or address:port");
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let named = host.parse::<Host>().is_ok() && !host.starts_with("*.");
    let ported = port.parse::<u16>().is_ok_and(|port| port > 0) && port.bytes().all(|b| b.is_ascii_digit());
    if named && ported { Ok(()) } else { Err(wrong()) }
}

fn check_timeouts(timeouts: &UpstreamTimeouts, pointer: &str, faults: &mut Faults) {
    let all = [
        ("connectMs", timeouts.connect_ms),
        ("readMs", timeouts.read_ms),
        ("writeMs", timeouts.write_ms),
        ("idleMs", timeouts.idle_ms),
    ];
    for (name, given) in all {
        if given == 0 || given > TIMEOUT_MS_MAX {
            let reason = format!("a timeout is 1 to {TIMEOUT_MS_MAX} ms");
            faults.invalid(format!("{pointer}/timeouts/{name}"), reason);
        }
    }
}

fn check_health(check: &HealthCheck, pointer: &str, faults: &mut Faults) {
    if !check.path.starts_with('/') || check.path.bytes().any(|b| b <= b' ' || b == 0x7f) {
        faults.invalid(format!("{pointer}/path"), "the path of a health check begins with / and holds no spaces");
    }
    if check.interval_ms < HEALTH_INTERVAL_MS_MIN || check.interval_ms > TIMEOUT_MS_MAX {
        let reason = format!("an interval is {HEALTH_INTERVAL_MS_MIN} to {TIMEOUT_MS_MAX} ms");
        faults.invalid(format!("{pointer}/intervalMs"), reason);
    }
    if check.timeout_ms == 0 || check.timeout_ms > check.interval_ms {
        faults.invalid(format!("{pointer}/timeoutMs"), "a health check must end before the next one begins");
    }
    if check.healthy_after == 0 {
        faults.invalid(format!("{pointer}/healthyAfter"), "at least 1");
    }
    if check.unhealthy_after == 0 {
        faults.invalid(format!("{pointer}/unhealthyAfter"), "at least 1");
    }
}
