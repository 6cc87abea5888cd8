//! Tenants, in the shape in which they are written.

use super::{ArmView, arm_views, time};
use serde::Serialize;
use serde_json::{Value, json};
use switchyard_contract::snapshot::{FailurePolicy, FilterLimits, Isolation, Stickiness, Upstream, UpstreamProtocol};
use switchyard_contract::{Host, PluginName, TenantId, Version};
use switchyard_domain::World;
use switchyard_domain::render::split_of;
use switchyard_domain::tenant::{Bound, Tenant};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantView {
    id: TenantId,
    generation: u64,
    hosts: Vec<Host>,
    upstreams: Vec<Value>,
    plugins: Vec<BindingView>,
    show_versions: bool,
    limits: Value,
    created_at: String,
    updated_at: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingView {
    plugin: PluginName,
    order: i32,
    enabled: bool,
    /// The pin.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    config: Value,
    failure_policy: FailurePolicy,
    isolation: Isolation,
    stickiness: Stickiness,
    limits: FilterLimits,
    /// What serves: the pin, or what is released for the tenant.
    serving: Vec<ArmView>,
}

impl TenantView {
    pub fn of(world: &World, tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.clone(),
            generation: tenant.generation.0,
            hosts: tenant.hosts.clone(),
            upstreams: tenant.upstreams.iter().map(upstream).collect(),
            plugins: tenant.bindings.iter().map(|bound| BindingView::of(world, tenant, bound)).collect(),
            show_versions: tenant.show_versions,
            limits: json!({
                "bufferedBodyBytesMax": tenant.limits.buffered_body_bytes_max,
                "exchangesMax": tenant.limits.exchanges_max,
            }),
            created_at: time(tenant.created_at_unix_ms),
            updated_at: time(tenant.updated_at_unix_ms),
        }
    }
}

impl BindingView {
    pub fn of(world: &World, tenant: &Tenant, bound: &Bound) -> Self {
        let plugin = world.plugin(&bound.plugin);
        let split = plugin.and_then(|plugin| {
            let choice = plugin.choice(&tenant.id, bound.pin.as_ref())?;
            Some(split_of(&choice, plugin.salt))
        });
        Self {
            plugin: bound.plugin.clone(),
            order: bound.order,
            enabled: bound.enabled,
            version: bound.pin.clone(),
            config: serde_json::from_str(&bound.config).unwrap_or(Value::Null),
            failure_policy: bound.failure_policy,
            isolation: bound.isolation,
            stickiness: bound.stickiness.clone(),
            limits: bound.limits.clone(),
            serving: split.map(|split| arm_views(&split.arms)).unwrap_or_default(),
        }
    }
}

fn upstream(upstream: &Upstream) -> Value {
    let protocol = match upstream.protocol {
        UpstreamProtocol::Http1 => "http1",
        UpstreamProtocol::Http2 => "http2",
    };
    let tls = upstream.tls.as_ref().map(|tls| json!({ "serverName": tls.server_name, "caPem": tls.ca_pem }));
    let health_check = upstream.health_check.as_ref().map(|check| {
        json!({
            "path": check.path,
            "intervalMs": check.interval_ms,
            "timeoutMs": check.timeout_ms,
            "healthyAfter": check.healthy_after,
            "unhealthyAfter": check.unhealthy_after,
        })
    });
    let timeouts = &upstream.timeouts;
    json!({
        "name": upstream.name,
        "addresses": upstream.addresses,
        "protocol": protocol,
        "tls": tls,
        "healthCheck": health_check,
        "timeouts": {
            "connectMs": timeouts.connect_ms,
            "readMs": timeouts.read_ms,
            "writeMs": timeouts.write_ms,
            "idleMs": timeouts.idle_ms,
        },
        "retriesMax": upstream.retries_max,
    })
}
