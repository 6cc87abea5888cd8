//! `metrics`: numbers into the tenant's own namespace. Names and labels are checked here; how many
//! series there may be is for whoever keeps them.

use super::HostState;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

const NAME_BYTES_MAX: usize = 100;
const LABELS_MAX: usize = 8;
const LABEL_VALUE_BYTES_MAX: usize = 128;

type Labels = Vec<(String, String)>;

pub(super) fn link(interface: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "count",
        |mut store: StoreContextMut<'_, HostState>, (name, labels, add): (String, Labels, u64)| {
            let host = store.data_mut();
            if checked(host, &name, &labels)? {
                host.telemetry.count(&host.id, &name, &labels, add);
            }
            Ok(())
        },
    )?;
    interface.func_wrap(
        "gauge",
        |mut store: StoreContextMut<'_, HostState>, (name, labels, value): (String, Labels, f64)| {
            let host = store.data_mut();
            if checked(host, &name, &labels)? {
                host.telemetry.gauge(&host.id, &name, &labels, value);
            }
            Ok(())
        },
    )?;
    interface.func_wrap(
        "observe",
        |mut store: StoreContextMut<'_, HostState>, (name, labels, value): (String, Labels, f64)| {
            let host = store.data_mut();
            if checked(host, &name, &labels)? {
                host.telemetry.observe(&host.id, &name, &labels, value);
            }
            Ok(())
        },
    )
}

/// What does not fit is dropped and counted: a metric must not fail a request.
fn checked(host: &mut HostState, name: &str, labels: &Labels) -> wasmtime::Result<bool> {
    host.call()?;
    let fits = is_name(name)
        && labels.len() <= LABELS_MAX
        && labels.iter().all(|(label, value)| is_label(label) && value.len() <= LABEL_VALUE_BYTES_MAX);
    if !fits {
        host.telemetry.dropped(&host.id, "metrics");
    }
    Ok(fits)
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// A label name that Prometheus and the host keep for themselves is not the filter's to set.
fn is_label(label: &str) -> bool {
    is_name(label) && !label.starts_with("__") && !matches!(label, "tenant" | "plugin" | "version" | "le" | "quantile")
}

#[cfg(test)]
mod tests {
    use super::{is_label, is_name};

    #[test]
    fn names_are_those_prometheus_takes_in_lower_case() {
        for good in ["a", "_x", "cache_hits_total", "a1"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "1a", "A", "a-b", "a b", "ä", &"x".repeat(101)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(is_label("route") && !is_label("tenant") && !is_label("__name") && !is_label("le"));
    }
}
