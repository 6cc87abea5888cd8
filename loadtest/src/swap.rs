//! Deployments while traffic flows: does any request notice? Stretches with and without deployments alternate under the
//! same constant load, so that both sides of the comparison had the same machine.

use crate::compare::{FieldError, Places, start_origin};
use crate::load::{self, Outcome, Scenario, Stop, Summary, Tally};
use crate::machine::{self, Cores};
use crate::product::{self, Admin, Binding, Product, ProductError, Settings};
use crate::stats::Spread;
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

const PLUGIN: &str = "bench";
const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
/// The last part of a stretch is left without a deployment, so that its wake does not reach the quiet one that follows.
const GUARD: Duration = Duration::from_millis(400);
/// Old versions may drain this long; then memory should be back.
const SETTLE_PATIENCE: Duration = Duration::from_secs(45);
/// Within this of the start, memory counts as back.
pub const MEMORY_RATIO_MAX: f64 = 1.02;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub deployments: u32,
    /// Evenly over each stretch that has any.
    pub per_stretch: u32,
    pub stretch: Duration,
}

/// All that `swap` measured.
#[derive(Debug, Clone, Serialize)]
pub struct Swapped {
    pub deployments: u32,
    pub requests: u64,
    pub failed: u64,
    pub all: Summary,
    pub p99_us_quiet: f64,
    pub p99_us_swapping: f64,
    /// Of neighbouring stretches, swapping above quiet.
    pub p99_ratio: Option<Spread>,
    /// From the call until the node has acknowledged.
    pub deploy_ms_p50: f64,
    pub deploy_ms_p99: f64,
    pub resident_bytes_before: u64,
    pub resident_bytes_after: u64,
    /// How long after the last request memory was back, or measured a last time.
    pub settled_after_s: f64,
}

impl Swapped {
    pub fn memory_ratio(&self) -> f64 {
        self.resident_bytes_after as f64 / self.resident_bytes_before.max(1) as f64
    }
}

pub fn run(
    places: &Places,
    cores: Cores,
    folder: &Path,
    scenario: &Scenario,
    plan: Plan,
    stop: &Stop,
) -> Result<Swapped, FieldError> {
    let (_origin_process, origin) = start_origin(places, cores, folder, 0)?;
    let program = places.programs.join("switchyard");
    let product = Product::start(&program, cores, &folder.join("switchyard"), &Settings::default())?;
    let admin = product.admin()?;
    for version in VERSIONS {
        admin.register(&places.artifacts.join(format!("{PLUGIN}-{version}.wasm")))?;
    }
    admin.deploy(PLUGIN, VERSIONS[0])?;
    let binding = Binding { plugin: PLUGIN, isolation: "fresh" };
    admin.set_tenant(&product::tenant("swap", "swap.test", origin, "http1", &[binding]))?;
    admin.wait_until_served(&product, "swap.test")?;
    let scenario = scenario.for_host("swap.test").map_err(std::io::Error::other)?;

    warm_up(&admin, &product, &scenario, stop)?;
    let resident_bytes_before = product.resident_bytes()?;
    let (outcome, calls) = swap_under_load(&product, &scenario, plan, stop)?;
    let (resident_bytes_after, settled_after) = settle(&product, resident_bytes_before)?;
    Ok(report(&outcome, &calls, [resident_bytes_before, resident_bytes_after], settled_after))
}

/// Everything the run will do, done once: pools, caches and allocators are as large as they will get.
fn warm_up(admin: &Admin, product: &Product, scenario: &Scenario, stop: &Stop) -> Result<(), FieldError> {
    load::run(&scenario.lasting(Duration::from_secs(3)), product.edge, stop)?;
    for number in 0..20 {
        admin.deploy(PLUGIN, VERSIONS[number % 2])?;
    }
    load::run(&scenario.lasting(Duration::from_secs(2)), product.edge, stop)?;
    std::thread::sleep(Duration::from_secs(2));
    Ok(())
}

fn swap_under_load(
    product: &Product,
    scenario: &Scenario,
    plan: Plan,
    stop: &Stop,
) -> Result<(Outcome, Vec<Duration>), FieldError> {
    let admin = product.admin()?;
    let over = Stop::default();
    let started = Instant::now();
    let (outcome, calls) = std::thread::scope(|scope| {
        let deploying = scope.spawn(|| {
            let calls = deploy_all(&admin, plan, started, stop);
            over.now();
            calls
        });
        // Deployments that take their time need more stretches than planned; the deploying thread ends the run.
        let longest = plan.stretch * (plan.deployments.div_ceil(plan.per_stretch) * 4 + 4);
        let scenario = scenario.lasting(longest).in_windows_of(plan.stretch);
        let outcome = load::run(&scenario, product.edge, &over);
        (outcome, deploying.join())
    });
    let calls = calls.map_err(|_| std::io::Error::other("the deploying thread panicked"))??;
    Ok((outcome?, calls))
}

/// Deploys in every other stretch, the first left quiet; how long each call took.
fn deploy_all(admin: &Admin, plan: Plan, started: Instant, stop: &Stop) -> Result<Vec<Duration>, ProductError> {
    let mut calls = Vec::new();
    let pause = (plan.stretch - GUARD) / plan.per_stretch;
    let mut stretch = 1;
    while calls.len() < plan.deployments as usize && !stop.is_set() {
        let begin = started + plan.stretch * stretch;
        for number in 0..plan.per_stretch {
            sleep_until(begin + pause * number);
            let is_late = Instant::now() > begin + plan.stretch - GUARD;
            if is_late || stop.is_set() || calls.len() == plan.deployments as usize {
                break;
            }
            calls.push(admin.deploy(PLUGIN, VERSIONS[(calls.len() + 1) % 2])?);
        }
        stretch += 2;
        sleep_until(begin + plan.stretch);
    }
    Ok(calls)
}

fn sleep_until(moment: Instant) {
    std::thread::sleep(moment.saturating_duration_since(Instant::now()));
}

/// Waits until memory is back or the patience is over.
fn settle(product: &Product, before: u64) -> Result<(u64, Duration), FieldError> {
    let began = Instant::now();
    loop {
        let now = product.resident_bytes()?;
        if now as f64 <= before as f64 * MEMORY_RATIO_MAX || began.elapsed() > SETTLE_PATIENCE {
            return Ok((now, began.elapsed()));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn report(outcome: &Outcome, calls: &[Duration], resident: [u64; 2], settled_after: Duration) -> Swapped {
    // The last stretch of each kind may be cut short; pairs are of whole neighbours.
    let of_kind = |kind: usize| outcome.windows.iter().skip(kind).step_by(2);
    let merged = |kind| {
        let mut all = Tally::default();
        of_kind(kind).for_each(|window| all.absorb(window));
        all
    };
    let p99s = |kind| of_kind(kind).map(|window| window.latency_us(0.99)).collect::<Vec<_>>();
    let mut calls_ms: Vec<_> = calls.iter().map(|call| call.as_secs_f64() * 1e3).collect();
    calls_ms.sort_by(f64::total_cmp);
    let quantile =
        |share: f64| calls_ms.get(((calls_ms.len() as f64 * share) as usize).min(calls_ms.len().saturating_sub(1)));
    let tally = outcome.tally();
    Swapped {
        deployments: calls.len() as u32,
        requests: tally.requests(),
        failed: tally.failed(),
        all: outcome.summary(),
        p99_us_quiet: merged(0).latency_us(0.99),
        p99_us_swapping: merged(1).latency_us(0.99),
        p99_ratio: Spread::of_ratios(&p99s(1), &p99s(0)),
        deploy_ms_p50: quantile(0.50).copied().unwrap_or(f64::NAN),
        deploy_ms_p99: quantile(0.99).copied().unwrap_or(f64::NAN),
        resident_bytes_before: resident[0],
        resident_bytes_after: resident[1],
        settled_after_s: settled_after.as_secs_f64(),
    }
}

impl Product {
    fn resident_bytes(&self) -> std::io::Result<u64> {
        machine::resident_bytes(self.process.pid())
    }
}
