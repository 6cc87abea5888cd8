//! What came of a run: answers by status, failures by kind, latencies; in one piece or by windows of time.

use hdrhistogram::Histogram;
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest latency that is told apart from longer ones.
const LATENCY_NS_MAX: u64 = 3_600_000_000_000;

/// Why a request has no expected answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection could be made.
    Connect,
    /// The connection broke between the request and the end of its answer.
    Broken,
    /// No complete answer within the scenario's timeout.
    Timeout,
    /// Due while the run lasted, but no connection was free to send it until the run was over.
    Unsent,
}

#[derive(Debug, Clone)]
pub struct Tally {
    /// Statuses in the order in which they first came; a run sees few.
    statuses: Vec<(StatusCode, u64)>,
    failures: BTreeMap<Failure, u64>,
    unexpected: u64,
    latency_ns: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        #[expect(
            clippy::unwrap_used,
            reason = "constants that hdrhistogram accepts: low >= 1, high >= 2 * low, 0-5 digits"
        )]
        let latency_ns = Histogram::new_with_bounds(1_000, LATENCY_NS_MAX, 3).unwrap();
        Self { statuses: Vec::new(), failures: BTreeMap::new(), unexpected: 0, latency_ns }
    }
}

impl Tally {
    pub(super) fn answer(&mut self, status: StatusCode, expected: bool, latency: Duration) {
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => self.statuses.push((status, 1)),
        }
        self.unexpected += u64::from(!expected);
        self.latency_ns.saturating_record(as_ns(latency));
    }

    /// A request that got nothing still took this long, and the percentiles say so.
    pub(super) fn failure(&mut self, failure: Failure, latency: Duration) {
        *self.failures.entry(failure).or_default() += 1;
        self.latency_ns.saturating_record(as_ns(latency));
    }

    /// Takes in another tally's counts and latencies.
    pub fn absorb(&mut self, other: &Self) {
        for (status, count) in &other.statuses {
            match self.statuses.iter_mut().find(|(known, _)| known == status) {
                Some((_, known)) => *known += count,
                None => self.statuses.push((*status, *count)),
            }
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.unexpected += other.unexpected;
        // Cannot fail: all histograms here have the same bounds.
        let _ = self.latency_ns.add(&other.latency_ns);
    }

    /// Requests that were due, answered or not.
    pub fn requests(&self) -> u64 {
        self.latency_ns.len()
    }

    /// Requests without an answer of an expected status.
    pub fn failed(&self) -> u64 {
        self.unexpected + self.failures.values().sum::<u64>()
    }

    pub fn count(&self, status: StatusCode) -> u64 {
        self.statuses.iter().find(|(known, _)| *known == status).map_or(0, |(_, count)| *count)
    }

    pub fn failures(&self, failure: Failure) -> u64 {
        self.failures.get(&failure).copied().unwrap_or_default()
    }

    /// Microseconds within which this share (0 to 1) of the requests ended.
    pub fn latency_us(&self, share: f64) -> f64 {
        self.latency_ns.value_at_quantile(share) as f64 / 1e3
    }

    pub fn summary(&self, elapsed: Duration) -> Summary {
        Summary {
            requests: self.requests(),
            failed: self.failed(),
            requests_per_s: self.requests() as f64 / elapsed.as_secs_f64(),
            p50_us: self.latency_us(0.50),
            p90_us: self.latency_us(0.90),
            p99_us: self.latency_us(0.99),
            p999_us: self.latency_us(0.999),
            max_us: self.latency_ns.max() as f64 / 1e3,
            statuses: self.statuses.iter().map(|(status, count)| (status.as_u16(), *count)).collect(),
            failures: self.failures.clone(),
        }
    }
}

fn as_ns(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(LATENCY_NS_MAX)
}

/// All there is to say about a run, for people and for files.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// From the first request due to the last answer.
    pub elapsed: Duration,
    /// By the moment requests were due, one tally for each of the scenario's windows; one for all without windows.
    pub windows: Vec<Tally>,
}

impl Outcome {
    /// All windows together.
    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        self.windows.iter().for_each(|window| all.absorb(window));
        all
    }

    pub fn summary(&self) -> Summary {
        self.tally().summary(self.elapsed)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub requests: u64,
    pub failed: u64,
    pub requests_per_s: f64,
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
    pub statuses: BTreeMap<u16, u64>,
    pub failures: BTreeMap<Failure, u64>,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "requests {}  failed {}  {:.0}/s", self.requests, self.failed, self.requests_per_s)?;
        writeln!(
            f,
            "latency us  p50 {:.0}  p90 {:.0}  p99 {:.0}  p99.9 {:.0}  max {:.0}",
            self.p50_us, self.p90_us, self.p99_us, self.p999_us, self.max_us
        )?;
        write!(f, "status {:?}", self.statuses)?;
        if !self.failures.is_empty() {
            write!(f, "  failures {:?}", self.failures)?;
        }
        Ok(())
    }
}
