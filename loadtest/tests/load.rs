//! The load generator against real servers on real sockets.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use switchyard_loadtest::load::{self, Failure, Outcome, Scenario, Stop};
use tokio::net::TcpListener;

/// Runs `serve` on a thread of its own until the process ends; its address.
fn server<F, S>(serve: F) -> SocketAddr
where
    F: FnOnce(TcpListener) -> S + Send + 'static,
    S: Future<Output = ()> + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(async {
            serve(TcpListener::from_std(listener).expect("registered")).await;
        }));
    });
    address
}

fn origin() -> SocketAddr {
    server(|listener| switchyard_loadtest::origin::serve(listener, Duration::ZERO))
}

/// Answers at once, but not a single request between `from` and `until` after its start.
async fn stalling(listener: TcpListener, from: Duration, until: Duration) {
    let started = Instant::now();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = hyper::service::service_fn(move |_| async move {
            if started.elapsed() >= from {
                tokio::time::sleep_until((started + until).into()).await;
            }
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        });
        tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn scenario(protocol: &str, load: &str, duration_s: f64) -> Scenario {
    Scenario::parse(&format!(
        "name = 'test'\nprotocol = '{protocol}'\nhost = 'test.example'\npath = '/x'\nduration_s = {duration_s}\n\
         timeout_ms = 1000\nload = {load}"
    ))
    .expect("a scenario")
}

fn run(scenario: &Scenario, address: SocketAddr) -> Outcome {
    load::run(scenario, address, &Stop::default()).expect("a runtime")
}

#[test]
fn closed_loop_http1_counts_every_answer() {
    let outcome = run(&scenario("http1", "{ connections = 3 }", 0.3), origin());
    let tally = outcome.tally();
    assert!(tally.requests() > 30, "{}", outcome.summary());
    assert_eq!(tally.failed(), 0, "{}", outcome.summary());
    assert_eq!(tally.count(StatusCode::OK), tally.requests());
}

#[test]
fn open_loop_http1_sends_the_asked_rate_and_no_more() {
    let outcome = run(&scenario("http1", "{ connections = 3, rate_per_s = 400 }", 0.5), origin());
    assert_eq!(outcome.tally().requests(), 200, "{}", outcome.summary());
    assert_eq!(outcome.tally().failed(), 0, "{}", outcome.summary());
}

#[test]
fn both_loops_over_http2_with_many_streams_on_one_connection() {
    let address = origin();
    for load in [
        "{ connections = 1, streams_per_connection = 20 }",
        "{ connections = 1, streams_per_connection = 20, rate_per_s = 400 }",
    ] {
        let outcome = run(&scenario("http2", load, 0.5), address);
        assert!(outcome.tally().requests() >= 200, "{load}: {}", outcome.summary());
        assert_eq!(outcome.tally().failed(), 0, "{load}: {}", outcome.summary());
    }
}

/// The fault this generator exists to avoid: a closed loop sends nothing while the server stalls, so that the stall shows
/// in a handful of requests; users would have sent as many as ever.
#[test]
fn a_stalled_server_is_charged_for_every_request_that_was_due() {
    let stall = || {
        let (from, until) = (Duration::from_millis(300), Duration::from_millis(700));
        server(move |listener| stalling(listener, from, until))
    };
    let flattered = run(&scenario("http1", "{ connections = 4 }", 1.0), stall()).tally().latency_us(0.8);
    let honest = run(&scenario("http1", "{ connections = 4, rate_per_s = 500 }", 1.0), stall()).tally().latency_us(0.8);
    assert!(flattered < 50_000.0, "the closed loop's 80th percentile: {flattered} us");
    assert!(honest > 100_000.0, "the open loop's 80th percentile: {honest} us");
}

#[test]
fn a_server_that_never_answers_times_out_every_request_within_the_bound() {
    let address = server(|listener| stalling(listener, Duration::ZERO, Duration::from_secs(3600)));
    let started = Instant::now();
    let tally = run(&scenario("http1", "{ connections = 2, rate_per_s = 50 }", 0.4), address).tally();
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    assert_eq!(tally.requests(), 20);
    assert_eq!(tally.failed(), 20);
    // Two connections are stuck with one request each until the run is over; nobody was free to send the others.
    assert_eq!(tally.failures(Failure::Timeout) + tally.failures(Failure::Unsent), 20);
    assert!(tally.failures(Failure::Unsent) >= 16, "{tally:?}");
}

#[test]
fn a_port_nobody_listens_on_fails_to_connect() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("an address");
    let tally = run(&scenario("http1", "{ connections = 2, rate_per_s = 50 }", 0.2), unused).tally();
    assert_eq!(tally.failures(Failure::Connect), 10);
}

#[test]
fn an_unexpected_status_is_a_failed_request() {
    let mut expecting = scenario("http1", "{ connections = 1, rate_per_s = 100 }", 0.1);
    expecting.expected = vec![StatusCode::SERVICE_UNAVAILABLE];
    let tally = run(&expecting, origin()).tally();
    assert_eq!((tally.requests(), tally.failed(), tally.count(StatusCode::OK)), (10, 10, 10));
}

#[test]
fn windows_split_requests_by_the_moment_they_were_due() {
    let windowed =
        scenario("http1", "{ connections = 2, rate_per_s = 200 }", 0.4).in_windows_of(Duration::from_millis(100));
    let counts: Vec<_> = run(&windowed, origin()).windows.iter().map(load::Tally::requests).collect();
    assert_eq!(counts, [20, 20, 20, 20]);
}

#[test]
fn stopping_early_reports_what_there_is() {
    for load in ["{ connections = 2 }", "{ connections = 2, rate_per_s = 200 }"] {
        let stop = Stop::default();
        let later = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(150));
            later.now();
        });
        let started = Instant::now();
        let outcome = load::run(&scenario("http1", load, 60.0), origin(), &stop).expect("a runtime");
        assert!(started.elapsed() < Duration::from_secs(5));
        assert!(outcome.tally().requests() > 5, "{load}: {}", outcome.summary());
        assert_eq!(outcome.tally().failed(), 0, "{load}: {}", outcome.summary());
    }
}
