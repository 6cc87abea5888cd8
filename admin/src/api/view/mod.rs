//! What the API shows. Names are camelCase; times are RFC 3339 in UTC; shares are percent.

mod deployment;
mod plugin;
mod tenant;

pub use deployment::{ArmView, DeploymentView, arm_views};
pub use plugin::{PluginView, VersionView};
pub use tenant::{BindingView, TenantView};

/// Milliseconds since the epoch as RFC 3339.
pub fn time(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.map_or_else(|| unix_ms.to_string(), |timestamp| timestamp.to_string())
}

/// Parts per million as percent; exact, since a share has at most four decimals.
pub fn percent(weight_ppm: u32) -> f64 {
    f64::from(weight_ppm) / 10_000.0
}
