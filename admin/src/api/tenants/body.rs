//! A tenant as it is written: what may be left out, and what it then is.

use crate::api::names::parsed;
use serde::Deserialize;
use serde_json::Value;
use switchyard_contract::snapshot::{
    FailurePolicy, FilterLimits, HealthCheck, Isolation, Stickiness, TenantLimits, Upstream, UpstreamProtocol,
    UpstreamTimeouts, UpstreamTls,
};
use switchyard_contract::{PluginName, TenantId, Version};
use switchyard_domain::Reason;
use switchyard_domain::tenant::{Bound, TenantSpec};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TenantBody {
    pub id: Option<String>,
    hosts: Vec<String>,
    upstreams: Vec<UpstreamBody>,
    #[serde(default)]
    plugins: Vec<BindingBody>,
    #[serde(default)]
    show_versions: bool,
    #[serde(default)]
    limits: LimitsBody,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct LimitsBody {
    buffered_body_bytes_max: Option<u64>,
    exchanges_max: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpstreamBody {
    name: String,
    addresses: Vec<String>,
    #[serde(default)]
    protocol: UpstreamProtocol,
    tls: Option<TlsBody>,
    health_check: Option<HealthCheckBody>,
    #[serde(default)]
    timeouts: TimeoutsBody,
    retries_max: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TlsBody {
    server_name: String,
    ca_pem: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct HealthCheckBody {
    path: String,
    interval_ms: Option<u64>,
    timeout_ms: Option<u64>,
    healthy_after: Option<u32>,
    unhealthy_after: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct TimeoutsBody {
    connect_ms: Option<u64>,
    read_ms: Option<u64>,
    write_ms: Option<u64>,
    idle_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BindingBody {
    plugin: String,
    /// A pin.
    version: Option<String>,
    enabled: Option<bool>,
    /// Left out: its place in the list.
    order: Option<i32>,
    config: Option<Value>,
    #[serde(default)]
    failure_policy: FailurePolicy,
    #[serde(default)]
    isolation: Isolation,
    #[serde(default)]
    stickiness: Stickiness,
    #[serde(default)]
    limits: FilterLimits,
}

impl TenantBody {
    /// Errors: every text that is not what it should be.
    pub fn spec(&self, id: TenantId) -> Result<TenantSpec, Vec<Reason>> {
        let mut reasons = Vec::new();
        let hosts = self
            .hosts
            .iter()
            .enumerate()
            .filter_map(|(at, host)| parsed(&host.to_ascii_lowercase(), &format!("/hosts/{at}"), &mut reasons));
        let hosts = hosts.collect();
        let bindings = self.plugins.iter().enumerate().filter_map(|(at, body)| body.bound(at, &mut reasons)).collect();
        let defaults = TenantLimits::default();
        let spec = TenantSpec {
            id,
            hosts,
            upstreams: self.upstreams.iter().map(UpstreamBody::upstream).collect(),
            bindings,
            show_versions: self.show_versions,
            limits: TenantLimits {
                buffered_body_bytes_max: self
                    .limits
                    .buffered_body_bytes_max
                    .unwrap_or(defaults.buffered_body_bytes_max),
                exchanges_max: self.limits.exchanges_max.unwrap_or(defaults.exchanges_max),
            },
        };
        if reasons.is_empty() { Ok(spec) } else { Err(reasons) }
    }
}

impl BindingBody {
    fn bound(&self, at: usize, reasons: &mut Vec<Reason>) -> Option<Bound> {
        let plugin = parsed::<PluginName>(&self.plugin, &format!("/plugins/{at}/plugin"), reasons);
        let pin = match &self.version {
            Some(version) => Some(parsed::<Version>(version, &format!("/plugins/{at}/version"), reasons)?),
            None => None,
        };
        Some(Bound {
            plugin: plugin?,
            order: self.order.unwrap_or(at as i32),
            enabled: self.enabled.unwrap_or(true),
            pin,
            config: config_text(self.config.as_ref()),
            stickiness: self.stickiness.clone(),
            failure_policy: self.failure_policy,
            isolation: self.isolation,
            limits: self.limits.clone(),
        })
    }
}

/// What `configure` gets; left out: the empty object.
pub fn config_text(config: Option<&Value>) -> std::sync::Arc<str> {
    config.map_or_else(|| "{}".into(), |config| config.to_string().into())
}

impl UpstreamBody {
    fn upstream(&self) -> Upstream {
        let defaults = UpstreamTimeouts::default();
        Upstream {
            name: self.name.clone(),
            addresses: self.addresses.clone(),
            protocol: self.protocol,
            tls: self
                .tls
                .as_ref()
                .map(|tls| UpstreamTls { server_name: tls.server_name.clone(), ca_pem: tls.ca_pem.clone() }),
            health_check: self.health_check.as_ref().map(HealthCheckBody::health_check),
            timeouts: UpstreamTimeouts {
                connect_ms: self.timeouts.connect_ms.unwrap_or(defaults.connect_ms),
                read_ms: self.timeouts.read_ms.unwrap_or(defaults.read_ms),
                write_ms: self.timeouts.write_ms.unwrap_or(defaults.write_ms),
                idle_ms: self.timeouts.idle_ms.unwrap_or(defaults.idle_ms),
            },
            retries_max: self.retries_max.unwrap_or(1),
        }
    }
}

impl HealthCheckBody {
    fn health_check(&self) -> HealthCheck {
        HealthCheck {
            path: self.path.clone(),
            interval_ms: self.interval_ms.unwrap_or(5_000),
            timeout_ms: self.timeout_ms.unwrap_or(1_000),
            healthy_after: self.healthy_after.unwrap_or(2),
            unhealthy_after: self.unhealthy_after.unwrap_or(3),
        }
    }
}
