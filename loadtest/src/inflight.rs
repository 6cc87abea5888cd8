//! Very many exchanges at once, each with an instance of its own: memory, failures, and what those beyond the cap get. The
//! origin holds every answer back until all requests are in; HTTP/2 on both sides keeps the number of sockets small.

use crate::compare::{FieldError, Places, start_origin};
use crate::load::{self, Load, Protocol, Scenario, Stop, Summary};
use crate::machine::{self, Cores};
use crate::product::{self, Binding, Product, Settings};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// What an HTTP/2 server commonly allows on one connection.
const STREAMS_PER_CONNECTION: u32 = 100;
/// Requests sent above the cap in the second run.
const BEYOND: u32 = 2_000;
/// Of the hold, the part in which requests are sent.
const SENDING_SHARE: f64 = 0.4;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Exchanges at once, and the cap of the proxy.
    pub exchanges: u32,
    /// How long the origin keeps each; all requests must have been sent by then.
    pub hold: Duration,
}

/// All that `inflight` measured.
#[derive(Debug, Clone, Serialize)]
pub struct InFlight {
    pub exchanges: u32,
    pub within: Run,
    pub beyond: Run,
    /// Of the answers above the cap.
    pub retry_after: Option<String>,
    pub resident_bytes_idle: u64,
    pub resident_bytes_peak: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub sent: u64,
    pub ok: u64,
    pub unavailable: u64,
    /// Neither 200 nor 503.
    pub failed: u64,
    /// Whether the last request was sent before the first held answer came: all were in flight at one moment.
    pub all_at_once: bool,
    pub summary: Summary,
}

impl InFlight {
    /// Whether all within the cap were served, all beyond it refused in order, and the process lived.
    pub fn is_good(&self) -> bool {
        self.within.ok == u64::from(self.exchanges)
            && self.within.failed == 0
            && self.within.all_at_once
            && self.beyond.failed == 0
            && self.beyond.unavailable > 0
            && self.retry_after.is_some()
    }
}

pub fn run(places: &Places, cores: Cores, folder: &Path, plan: Plan, stop: &Stop) -> Result<InFlight, FieldError> {
    let (_origin_process, origin) = start_origin(places, cores, folder, plan.hold.as_millis() as u64)?;
    let settings = Settings { instances_max: Some(plan.exchanges) };
    let program = places.programs.join("switchyard");
    let mut product = Product::start(&program, cores, &folder.join("switchyard"), &settings)?;
    let admin = product.admin()?;
    admin.register(&places.artifacts.join("bench-1.0.0.wasm"))?;
    admin.deploy("bench", "1.0.0")?;
    let binding = Binding { plugin: "bench", isolation: "fresh" };
    let mut tenant = product::tenant("inflight", "inflight.test", origin, "http2", &[binding]);
    // The cap to be met is the node's, not the tenant's.
    tenant["limits"] = serde_json::json!({ "exchangesMax": 2 * (plan.exchanges + BEYOND) });
    admin.set_tenant(&tenant)?;
    admin.wait_until_served(&product, "inflight.test")?;
    let resident_bytes_idle = machine::resident_bytes(product.process.pid())?;

    let within = send(&product, plan, plan.exchanges, stop)?;
    let resident_bytes_peak = machine::peak_resident_bytes(product.process.pid())?;
    let (beyond, retry_after) = std::thread::scope(|scope| {
        let probing = scope.spawn(|| probe(&product, plan.hold.mul_f64(1.5 * SENDING_SHARE)));
        (send(&product, plan, plan.exchanges + BEYOND, stop), probing.join().unwrap_or_default())
    });
    if let Some(status) = product.process.ended() {
        return Err(std::io::Error::other(format!("switchyard ended with {status} under load")).into());
    }
    let exchanges = plan.exchanges;
    Ok(InFlight { exchanges, within, beyond: beyond?, retry_after, resident_bytes_idle, resident_bytes_peak })
}

/// Sends so many requests, evenly over less than half of the hold, and waits for their answers.
fn send(product: &Product, plan: Plan, exchanges: u32, stop: &Stop) -> Result<Run, FieldError> {
    let sending_s = plan.hold.as_secs_f64() * SENDING_SHARE;
    let rate_per_s = (f64::from(exchanges) / sending_s).ceil() as u32;
    let scenario = Scenario {
        name: "in flight".to_owned(),
        protocol: Protocol::Http2,
        method: Method::GET,
        uri: Uri::from_static("http://inflight.test/held"),
        host: HeaderValue::from_static("inflight.test"),
        headers: [(HeaderName::from_static("x-tenant"), HeaderValue::from_static("acme-corp"))].into_iter().collect(),
        body_bytes: 0,
        // A stream for each request, so that none waits for another.
        load: Load {
            connections: exchanges.div_ceil(STREAMS_PER_CONNECTION),
            streams_per_connection: STREAMS_PER_CONNECTION,
            rate_per_s: Some(rate_per_s),
        },
        duration: Duration::from_secs_f64(f64::from(exchanges) / f64::from(rate_per_s)),
        window: None,
        timeout: plan.hold * 3,
        expected: vec![StatusCode::OK],
    };
    let outcome = load::run(&scenario, product.edge, stop)?;
    let tally = outcome.tally();
    let (ok, unavailable) = (tally.count(StatusCode::OK), tally.count(StatusCode::SERVICE_UNAVAILABLE));
    Ok(Run {
        sent: tally.requests(),
        ok,
        unavailable,
        failed: tally.requests() - ok - unavailable,
        // The last answer came at `elapsed`, so its request was sent by `elapsed - hold`; the first was answered after `hold`.
        all_at_once: outcome.elapsed.saturating_sub(plan.hold) < plan.hold,
        summary: outcome.summary(),
    })
}

/// What one more request is told while the proxy is full: `Retry-After`, if it is told to come back.
fn probe(product: &Product, after: Duration) -> Option<String> {
    std::thread::sleep(after);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().ok()?;
        let request = client.get(format!("http://{}/one-more", product.edge)).header("host", "inflight.test");
        let answer = request.send().await.ok()?;
        let is_refusal = answer.status() == reqwest::StatusCode::SERVICE_UNAVAILABLE;
        let retry_after = answer.headers().get("retry-after")?.to_str().ok()?.to_owned();
        is_refusal.then_some(retry_after)
    })
}
