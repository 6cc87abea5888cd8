//! Tenants and their filters, as the control plane would describe them.

use super::control::{Control, digest};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use switchyard_contract::snapshot::{
    Binding, FailurePolicy, Stickiness, TenantEntry, TenantLimits, Upstream, UpstreamProtocol,
};
use switchyard_contract::split::{Arm, BUCKETS, Split};

/// Built once per test run.
pub fn artifact(example: &str, version: &str) -> Arc<[u8]> {
    type Built = HashMap<(String, String), Arc<[u8]>>;
    static BUILT: OnceLock<Mutex<Built>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let build = || {
        let version = version.parse().unwrap();
        switchyard_filter_build::example_version(example, &version).unwrap().into()
    };
    built.entry((example.into(), version.into())).or_insert_with(build).clone()
}

pub fn tenant(id: &str, upstream: SocketAddr) -> TenantEntry {
    TenantEntry {
        id: id.parse().unwrap(),
        hosts: vec![format!("{id}.example").parse().unwrap()],
        upstreams: vec![named_upstream("main", &[upstream])],
        bindings: Vec::new(),
        show_versions: false,
        limits: TenantLimits::default(),
    }
}

pub fn named_upstream(name: &str, addresses: &[SocketAddr]) -> Upstream {
    Upstream {
        name: name.into(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        protocol: UpstreamProtocol::Http1,
        tls: None,
        health_check: None,
        timeouts: Default::default(),
        retries_max: 1,
    }
}

/// An example filter in version 1.0.0, its artifact stored.
pub fn filter(control: &Control, example: &str, config: &str) -> Binding {
    split(control, example, config, &[("1.0.0", BUCKETS)])
}

/// An example filter in several versions.
pub fn split(control: &Control, example: &str, config: &str, versions: &[(&str, u32)]) -> Binding {
    Binding {
        plugin: example.parse().unwrap(),
        config: config.into(),
        split: Split::new(42, arms(control, example, versions)).unwrap(),
        stickiness: Stickiness::default(),
        failure_policy: FailurePolicy::Closed,
        isolation: Default::default(),
        limits: Default::default(),
    }
}

pub fn arms(control: &Control, example: &str, versions: &[(&str, u32)]) -> Vec<Arm> {
    let arm = |(version, weight_ppm): &(&str, u32)| {
        let bytes = artifact(example, version);
        assert_eq!(control.store(&bytes), digest(&bytes));
        Arm { version: version.parse().unwrap(), digest: digest(&bytes), weight_ppm: *weight_ppm }
    };
    versions.iter().map(arm).collect()
}

/// Changes a part of an entry in place.
pub fn with<T>(mut value: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut value);
    value
}
