//! What a filter costs inside the process: nanoseconds per exchange, fresh and reused, with its
//! distribution; then with many bindings in turn, and while thousands of instances are live.
//!
//! `cargo bench -p switchyard-runtime` (run by `make bench`). Read the ratios: machines are noisy.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may fail loudly")]

use http::{HeaderMap, HeaderName, HeaderValue};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use switchyard_contract::snapshot::{FilterLimits, Isolation};
use switchyard_runtime::{BindingSpec, Exchange, NoTelemetry, Prepared};
use switchyard_runtime::{RequestHeadInput, ResponseHeadInput, Runtime, RuntimeSettings};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WARM_UP: usize = 2_000;
const ROUNDS: usize = 50_000;
const TENANTS: usize = 300;
const HELD: usize = 20_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let compiler = vec![env!("CARGO_BIN_EXE_switchyard-compile").to_owned()];
    let settings = RuntimeSettings::new(folder.path().into(), compiler);
    let runtime = Runtime::start(settings, Arc::new(NoTelemetry)).expect("starts");
    let wasm = switchyard_filter_build::example("bench").expect("the example builds");
    println!("one filter on request and response heads, {} bytes; ns per exchange", wasm.len());
    println!("| what | p50 | p90 | p99 | p99.9 |\n| --- | --- | --- | --- | --- |");
    let (request, response) = (request_headers(), HeaderMap::new());
    let prepare = |tenant: &str, isolation| prepare(&runtime, &wasm, tenant, isolation);
    let reused = prepare("reused", Isolation::Reused);
    measure("reused", |_| both_hooks(&reused, &request, &response));
    let fresh = prepare("fresh", Isolation::Fresh);
    measure("fresh", |_| both_hooks(&fresh, &request, &response));
    let tenants: Vec<_> = (0..TENANTS).map(|i| prepare(&format!("tenant-{i}"), Isolation::Fresh)).collect();
    measure(&format!("fresh, {TENANTS} tenants in turn"), |i| both_hooks(&tenants[i % TENANTS], &request, &response));
    let before = resident_bytes();
    let mut held: Vec<Exchange> = (0..HELD).map(|_| request_hook(&fresh, &request)).collect();
    let per_instance = (resident_bytes() - before) / HELD as u64;
    measure(&format!("fresh, replacing one of {HELD} live"), |i| {
        let place = i.wrapping_mul(7_919) % HELD;
        let exchange = request_hook(&fresh, &request);
        let _replaced = std::mem::replace(&mut held[place], exchange);
    });
    println!("resident bytes per live instance: {per_instance}; live: {}", runtime.stats().instances_live);
}

fn prepare(runtime: &Runtime, wasm: &[u8], tenant: &str, isolation: Isolation) -> Arc<Prepared> {
    let module = runtime.load(Runtime::digest(wasm), wasm).expect("loads");
    let spec = BindingSpec {
        tenant: tenant.parse().unwrap(),
        plugin: "bench".parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        config: "{}".into(),
        isolation,
        limits: FilterLimits::default(),
    };
    runtime.prepare(&module, spec).expect("prepares")
}

/// Eleven headers as a browser sends them, and the one the filter reads.
fn request_headers() -> HeaderMap {
    let pairs = [
        ("host", "shop.example"),
        ("x-tenant", "acme-corp"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("accept", "text/html"),
        ("accept-language", "en-US,en;q=0.9"),
        ("accept-encoding", "gzip, br"),
        ("cookie", "sid=0123456789abcdef"),
        ("referer", "http://example.com/some/page"),
        ("x-forwarded-proto", "https"),
        ("cache-control", "no-cache"),
        ("x-request-id", "7f3c1a90-55de-4f7c-9d1c-8b1f0a4f2f11"),
        ("sec-fetch-mode", "navigate"),
    ];
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn request_hook(prepared: &Arc<Prepared>, headers: &HeaderMap) -> Exchange {
    let head = RequestHeadInput {
        method: "GET",
        scheme: "http",
        authority: "shop.example",
        path_and_query: "/x/y",
        client_address: "127.0.0.1",
        headers,
    };
    let mut exchange = prepared.begin(1).expect("there is room");
    black_box(exchange.on_request(&head, true).expect("decides"));
    exchange
}

fn both_hooks(prepared: &Arc<Prepared>, request: &HeaderMap, response: &HeaderMap) {
    let mut exchange = request_hook(prepared, request);
    let head = ResponseHeadInput { status: 200, headers: response };
    black_box(exchange.on_response(&head, true).expect("decides"));
}

/// Skipped when the command line names other rows: `cargo bench -p switchyard-runtime -- reused`.
fn measure(what: &str, mut one: impl FnMut(usize)) {
    let mut asked = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).peekable();
    if asked.peek().is_some() && !asked.any(|argument| argument == what) {
        return;
    }
    (0..WARM_UP).for_each(&mut one);
    let mut ns: Vec<u64> = (0..ROUNDS)
        .map(|i| {
            let start = Instant::now();
            one(i);
            start.elapsed().as_nanos() as u64
        })
        .collect();
    ns.sort_unstable();
    let at = |share: f64| ns[((ns.len() - 1) as f64 * share) as usize];
    println!("| {what} | {} | {} | {} | {} |", at(0.5), at(0.9), at(0.99), at(0.999));
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * rustix::param::page_size() as u64
}
