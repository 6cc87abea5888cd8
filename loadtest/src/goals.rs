//! What was aimed at, beside what was measured: the goals that these measurements can judge.

use crate::compare::{BASE, Comparison, NO_FILTER, ONE_FRESH, ONE_REUSED, Sample, THREE_FRESH, THREE_REUSED};
use crate::inflight::InFlight;
use crate::stats::Spread;
use crate::swap::{MEMORY_RATIO_MAX, Swapped};
use serde::Serialize;

/// One goal. Every figure is to be at most its goal.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    pub what: String,
    pub first: f64,
    pub next: Option<f64>,
    pub measured: f64,
    /// Of the rounds, where there were rounds.
    pub spread: Option<Spread>,
}

impl Goal {
    fn single(what: impl Into<String>, first: f64, measured: f64) -> Self {
        Self { what: what.into(), first, next: None, measured, spread: None }
    }

    pub fn verdict(&self) -> &'static str {
        match self.next {
            _ if self.measured.is_nan() || self.measured > self.first => "missed",
            Some(next) if self.measured > next => "first step met",
            _ => "met",
        }
    }
}

/// Ratios of two rows of the comparison: what, above, below, first step, next step.
type Ratio = (&'static str, &'static str, f64, Option<f64>);

const CPU_RATIOS: &[Ratio] = &[
    (NO_FILTER, BASE, 1.05, None),
    (ONE_FRESH, NO_FILTER, 1.20, Some(1.12)),
    (ONE_REUSED, NO_FILTER, 1.05, None),
    (ONE_FRESH, "envoy + wasm", 0.70, Some(0.62)),
    (ONE_REUSED, "plecto, reused", 0.33, None),
    (ONE_FRESH, "plecto, fresh", 0.11, None),
    (ONE_REUSED, "nginx", 1.70, None),
    (THREE_FRESH, ONE_FRESH, 1.30, None),
    (THREE_REUSED, ONE_REUSED, 1.08, None),
];

const P99_RATIOS: &[Ratio] = &[(ONE_FRESH, "envoy + wasm", 0.75, None)];

/// Goals about peers that were not there are left out.
pub fn of_comparison(comparison: &Comparison) -> Vec<Goal> {
    let cpu = ratios(comparison, "CPU per request", CPU_RATIOS, |sample| sample.cpu_us);
    let p99 = ratios(comparison, "p99", P99_RATIOS, |sample| sample.p99_us);
    cpu.into_iter().chain(p99).collect()
}

fn ratios(comparison: &Comparison, figure: &str, ratios: &[Ratio], of: impl Fn(&Sample) -> f64) -> Vec<Goal> {
    let goal = |(above, below, first, next): &Ratio| {
        let spread = comparison.ratio(above, below, &of)?;
        let what = format!("{figure}: {above} / {below}");
        Some(Goal { what, first: *first, next: *next, measured: spread.median, spread: Some(spread) })
    };
    ratios.iter().filter_map(goal).collect()
}

pub fn of_swap(swapped: &Swapped) -> Vec<Goal> {
    let deployments = swapped.deployments;
    vec![
        Goal::single(format!("{deployments} swaps under load: failed requests"), 0.0, swapped.failed as f64),
        Goal {
            what: "p99 with swaps / without".to_owned(),
            first: 1.05,
            next: None,
            measured: swapped.p99_ratio.map_or(f64::NAN, |ratio| ratio.median),
            spread: swapped.p99_ratio,
        },
        Goal::single("resident memory after / before", MEMORY_RATIO_MAX, swapped.memory_ratio()),
        Goal::single("Direct deployment acknowledged, p99, ms", 100.0, swapped.deploy_ms_p99),
    ]
}

pub fn of_inflight(inflight: &InFlight) -> Vec<Goal> {
    let exchanges = inflight.exchanges;
    let not_served = u64::from(exchanges).saturating_sub(inflight.within.ok);
    let gib = inflight.resident_bytes_peak as f64 / f64::from(1 << 30);
    let not_at_once = u8::from(!inflight.within.all_at_once);
    vec![
        Goal::single(
            format!("{exchanges} exchanges in flight, each a fresh instance: not served"),
            0.0,
            not_served as f64,
        ),
        Goal::single("the same: not all at one moment (1 = so)", 0.0, f64::from(not_at_once)),
        Goal::single("the same: peak resident memory, GiB", 1.2, gib),
        Goal::single("beyond the cap: neither served nor 503", 0.0, inflight.beyond.failed as f64),
        Goal::single(
            "beyond the cap: 503 without Retry-After (1 = so)",
            0.0,
            f64::from(u8::from(inflight.retry_after.is_none())),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_names_the_step_that_was_reached() {
        let goal = |measured| Goal { next: Some(1.12), ..Goal::single("x", 1.20, measured) };
        let verdicts = [1.0, 1.12, 1.15, 1.20, 1.21, f64::NAN].map(|measured| goal(measured).verdict());
        assert_eq!(verdicts, ["met", "met", "first step met", "first step met", "missed", "missed"]);
        assert_eq!(Goal::single("failed", 0.0, 0.0).verdict(), "met");
        assert_eq!(Goal::single("failed", 0.0, 1.0).verdict(), "missed");
    }
}
