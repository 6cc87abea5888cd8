//! Proxies side by side: each on the same core in turn, the same load from the other core, round after round, so that a
//! machine that slows down slows all of them. The steadiest figure is the CPU time a request costs.

mod contestant;

pub use contestant::{
    BASE, Contestant, Field, FieldError, NO_FILTER, ONE_FRESH, ONE_REUSED, Places, THREE_FRESH, THREE_REUSED,
    start_origin,
};

use crate::load::{self, Scenario, Stop};
use crate::stats::Spread;
use serde::Serialize;
use std::io;
use std::time::Duration;

/// One contestant in one round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// Microseconds of CPU per request, user and system, over all threads.
    pub cpu_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub requests_per_s: f64,
    pub requests: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub version: String,
    pub rounds: Vec<Sample>,
}

impl Row {
    pub fn figures(&self, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    pub fn failed(&self) -> u64 {
        self.rounds.iter().map(|sample| sample.failed).sum()
    }
}

/// All that `compare` measured.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub machine: String,
    pub scenario: String,
    pub seconds_per_sample: f64,
    pub rows: Vec<Row>,
    /// Peers that are not installed, and what was looked for.
    pub skipped: Vec<String>,
}

impl Comparison {
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Of all requests to everyone.
    pub fn failed(&self) -> u64 {
        self.rows.iter().map(Row::failed).sum()
    }

    /// `None` where one of the two was not measured.
    pub fn ratio(&self, above: &str, below: &str, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of_ratios(&self.row(above)?.figures(&figure), &self.row(below)?.figures(&figure))
    }
}

/// Measures everyone in the field `rounds` times. Every other round goes backwards, so that nobody always runs in the
/// wake of the same neighbour.
pub fn run(
    field: &mut Field,
    scenario: &Scenario,
    rounds: u32,
    stop: &Stop,
    progress: impl Fn(&str),
) -> io::Result<Comparison> {
    let mut rows: Vec<_> = field.contestants.iter().map(Contestant::row).collect();
    for contestant in &field.contestants {
        measure(contestant, &scenario.lasting(Duration::from_secs(1)), stop)?;
    }
    for round in 0..rounds {
        let mut order: Vec<_> = (0..rows.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        let mut samples = Vec::new();
        for index in order {
            let contestant = &field.contestants[index];
            progress(&format!("round {} of {rounds}: {}", round + 1, contestant.name));
            samples.push((index, measure(contestant, scenario, stop)?));
        }
        // A round that was cut short compares nothing.
        if stop.is_set() {
            break;
        }
        samples.into_iter().for_each(|(index, sample)| rows[index].rounds.push(sample));
    }
    Ok(Comparison {
        machine: crate::machine::describe(),
        scenario: scenario.name.clone(),
        seconds_per_sample: scenario.duration.as_secs_f64(),
        rows,
        skipped: std::mem::take(&mut field.skipped),
    })
}

fn measure(contestant: &Contestant, scenario: &Scenario, stop: &Stop) -> io::Result<Sample> {
    let scenario = scenario.for_host(&contestant.host).map_err(io::Error::other)?;
    let before = crate::machine::cpu_ns(contestant.pid)?;
    let outcome = load::run(&scenario, contestant.address, stop)?;
    let cpu_ns = crate::machine::cpu_ns(contestant.pid)?.saturating_sub(before);
    let summary = outcome.summary();
    Ok(Sample {
        cpu_us: cpu_ns as f64 / 1e3 / summary.requests.max(1) as f64,
        p50_us: summary.p50_us,
        p99_us: summary.p99_us,
        requests_per_s: summary.requests_per_s,
        requests: summary.requests,
        failed: summary.failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, cpu_us: &[f64]) -> Row {
        let sample = |cpu_us| Sample { cpu_us, p50_us: 1.0, p99_us: 2.0, requests_per_s: 3.0, requests: 4, failed: 0 };
        Row { name: name.to_owned(), version: String::new(), rounds: cpu_us.iter().copied().map(sample).collect() }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let comparison = Comparison {
            machine: String::new(),
            scenario: String::new(),
            seconds_per_sample: 1.0,
            rows: vec![row("base", &[10.0, 30.0, 10.0]), row("ours", &[11.0, 33.0, 12.0])],
            skipped: Vec::new(),
        };
        let spread = comparison.ratio("ours", "base", |sample| sample.cpu_us).expect("both were measured");
        assert!((spread.median - 1.1).abs() < 1e-9 && (spread.max - 1.2).abs() < 1e-9, "{spread:?}");
        assert_eq!(comparison.ratio("ours", "absent", |sample| sample.cpu_us), None);
    }
}
