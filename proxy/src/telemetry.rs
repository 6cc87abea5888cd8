//! Where filters' log lines and metrics go: `tracing` target `filter`, and series under
//! `switchyard_filter_` in the embedder's registry.
//!
//! A filter's metric is one family for all tenants, its labels are `tenant`, `plugin` and the ones
//! of its first use; uses with other labels are dropped. Families, and series of each, are capped:
//! what a filter invents cannot grow the registry without bound.

use crate::metrics::register;
use prometheus::{Counter, CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, RwLock};
use switchyard_runtime::{FilterId, LogLevel, Telemetry};

/// Families filters may create on a node.
const FAMILIES_MAX: usize = 200;
/// Series all families of filters may have together.
const SERIES_MAX: usize = 20_000;
const NAME_BYTES_MAX: usize = 64;
const LABELS_MAX: usize = 6;
const LABEL_VALUE_BYTES_MAX: usize = 128;

/// The embedder's side of a filter's `log` and `metrics`. Never blocks for I/O.
pub struct ProxyTelemetry {
    registry: Registry,
    families: RwLock<Families>,
    dropped: IntCounterVec,
}

#[derive(Default)]
struct Families {
    by_name: HashMap<String, Family>,
    series: HashSet<u64>,
}

struct Family {
    labels: Vec<String>,
    values: Values,
}

#[derive(Clone)]
enum Values {
    Count(CounterVec),
    Gauge(GaugeVec),
    Observe(HistogramVec),
}

#[derive(Debug, Clone, Copy)]
enum Use {
    Count(u64),
    Gauge(f64),
    Observe(f64),
}

impl ProxyTelemetry {
    /// Errors: the registry already has its family.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new("switchyard_filter_dropped_total", "What filters asked for beyond a limit");
        let dropped = register(registry, IntCounterVec::new(options, &["plugin", "what"])?)?;
        Ok(Self { registry: registry.clone(), families: RwLock::default(), dropped })
    }

    fn record(&self, from: &FilterId, name: &str, labels: &[(String, String)], used: Use) {
        if self.known(from, name, labels, used) || self.new_series(from, name, labels, used) {
            return;
        }
        self.dropped.with_label_values(&[from.plugin.as_str(), "metric"]).inc();
    }

    /// True: the series was there and has been updated.
    fn known(&self, from: &FilterId, name: &str, labels: &[(String, String)], used: Use) -> bool {
        let Ok(families) = self.families.read() else { return false };
        let Some(family) = families.by_name.get(name).filter(|family| family.fits(labels, used)) else { return false };
        families.series.contains(&series(from, name, labels)) && family.update(from, labels, used)
    }

    fn new_series(&self, from: &FilterId, name: &str, labels: &[(String, String)], used: Use) -> bool {
        let Ok(mut families) = self.families.write() else { return false };
        if families.series.len() >= SERIES_MAX || !are_labels(labels) {
            return false;
        }
        if !families.by_name.contains_key(name) {
            let allowed = families.by_name.len() < FAMILIES_MAX && is_name(name) && name.len() <= NAME_BYTES_MAX;
            let Some(family) = allowed.then(|| Family::new(&self.registry, name, labels, used)).flatten() else {
                return false;
            };
            families.by_name.insert(name.to_owned(), family);
        }
        let updated = families
            .by_name
            .get(name)
            .is_some_and(|family| family.fits(labels, used) && family.update(from, labels, used));
        if updated {
            families.series.insert(series(from, name, labels));
        }
        updated
    }
}

impl Family {
    fn new(registry: &Registry, name: &str, labels: &[(String, String)], used: Use) -> Option<Self> {
        let own: Vec<String> = labels.iter().map(|(label, _)| label.clone()).collect();
        let all: Vec<&str> = ["tenant", "plugin"].into_iter().chain(own.iter().map(String::as_str)).collect();
        let full = format!("switchyard_filter_{name}");
        let help = "Made by a filter";
        let values = match used {
            Use::Count(_) => {
                Values::Count(register(registry, CounterVec::new(Opts::new(full, help), &all).ok()?).ok()?)
            }
            Use::Gauge(_) => Values::Gauge(register(registry, GaugeVec::new(Opts::new(full, help), &all).ok()?).ok()?),
            Use::Observe(_) => {
                let options = HistogramOpts::new(full, help);
                Values::Observe(register(registry, HistogramVec::new(options, &all).ok()?).ok()?)
            }
        };
        Some(Self { labels: own, values })
    }

    fn fits(&self, labels: &[(String, String)], used: Use) -> bool {
        let kind = matches!(
            (&self.values, used),
            (Values::Count(_), Use::Count(_))
                | (Values::Gauge(_), Use::Gauge(_))
                | (Values::Observe(_), Use::Observe(_))
        );
        kind && self.labels.len() == labels.len()
            && self.labels.iter().zip(labels).all(|(own, (label, _))| own == label)
    }

    fn update(&self, from: &FilterId, labels: &[(String, String)], used: Use) -> bool {
        let own = labels.iter().map(|(_, value)| value.as_str());
        let all: Vec<&str> = [from.tenant.as_str(), from.plugin.as_str()].into_iter().chain(own).collect();
        match (&self.values, used) {
            (Values::Count(family), Use::Count(add)) => {
                family.get_metric_with_label_values(&all).map(|metric: Counter| metric.inc_by(add as f64)).is_ok()
            }
            (Values::Gauge(family), Use::Gauge(value)) => {
                family.get_metric_with_label_values(&all).map(|metric| metric.set(value)).is_ok()
            }
            (Values::Observe(family), Use::Observe(value)) => {
                family.get_metric_with_label_values(&all).map(|metric| metric.observe(value)).is_ok()
            }
            _ => false,
        }
    }
}

fn series(from: &FilterId, name: &str, labels: &[(String, String)]) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    (&from.tenant, &from.plugin, name, labels).hash(&mut hasher);
    hasher.finish()
}

fn is_name(name: &str) -> bool {
    name.bytes()
        .enumerate()
        .all(|(i, byte)| byte.is_ascii_lowercase() || byte == b'_' || (i > 0 && byte.is_ascii_digit()))
        && !name.is_empty()
}

fn are_labels(labels: &[(String, String)]) -> bool {
    labels.len() <= LABELS_MAX
        && labels.iter().all(|(name, value)| {
            is_name(name)
                && !matches!(name.as_str(), "tenant" | "plugin" | "le")
                && value.len() <= LABEL_VALUE_BYTES_MAX
        })
}

impl Telemetry for ProxyTelemetry {
    fn log(&self, from: &Arc<FilterId>, exchange: u64, level: LogLevel, message: &str, fields: &[(String, String)]) {
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    target: "filter",
                    tenantId = %from.tenant,
                    pluginId = %from.plugin,
                    version = %from.version,
                    requestId = format_args!("{exchange:016x}"),
                    fields = ?fields,
                    "{message}"
                )
            };
        }
        match level {
            LogLevel::Trace => emit!(trace),
            LogLevel::Debug => emit!(debug),
            LogLevel::Info => emit!(info),
            LogLevel::Warn => emit!(warn),
            LogLevel::Error => emit!(error),
        }
    }
    fn count(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], add: u64) {
        self.record(from, name, labels, Use::Count(add));
    }
    fn gauge(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64) {
        self.record(from, name, labels, Use::Gauge(value));
    }
    fn observe(&self, from: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64) {
        self.record(from, name, labels, Use::Observe(value));
    }
    fn dropped(&self, from: &Arc<FilterId>, what: &'static str) {
        self.dropped.with_label_values(&[from.plugin.as_str(), what]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(tenant: &str) -> Arc<FilterId> {
        Arc::new(FilterId {
            tenant: tenant.parse().unwrap(),
            plugin: "demo".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
        })
    }
    fn label(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.into(), value.into())]
    }

    #[test]
    fn metrics_of_tenants_are_kept_apart_and_bounded() {
        let registry = Registry::new();
        let telemetry = ProxyTelemetry::new(&registry).unwrap();
        telemetry.count(&id("a"), "hits", &label("path", "/"), 2);
        telemetry.count(&id("a"), "hits", &label("path", "/"), 3);
        telemetry.count(&id("b"), "hits", &label("path", "/"), 1);
        for (name, labels) in [
            ("hits", label("other", "x")),
            ("Bad-Name", vec![]),
            ("", vec![]),
            ("x", label("tenant", "forged")),
            ("x", label("long", &"v".repeat(1_000))),
        ] {
            telemetry.count(&id("a"), name, &labels, 1);
        }
        telemetry.gauge(&id("a"), "hits", &label("path", "/"), 1.0);
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        for line in [
            r#"switchyard_filter_hits{path="/",plugin="demo",tenant="a"} 5"#,
            r#"switchyard_filter_hits{path="/",plugin="demo",tenant="b"} 1"#,
            r#"switchyard_filter_dropped_total{plugin="demo",what="metric"} 6"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn a_filter_cannot_grow_the_registry_without_bound() {
        let registry = Registry::new();
        let telemetry = ProxyTelemetry::new(&registry).unwrap();
        for i in 0..SERIES_MAX + 50 {
            telemetry.count(&id("a"), "many", &label("n", &i.to_string()), 1);
        }
        let series = registry.gather().iter().map(|family| family.get_metric().len()).sum::<usize>();
        assert_eq!(series, SERIES_MAX + 1);
    }
}
