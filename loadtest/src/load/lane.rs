//! A lane carries one request at a time: an HTTP/1.1 connection, or one of the streams of an HTTP/2 connection.

use super::link::Link;
use super::pace::Pace;
use super::tally::{Failure, Outcome, Tally};
use super::{Protocol, Scenario};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A server that refuses is asked again after this, not in a busy loop.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(5);

/// What all lanes of a run share.
pub(super) struct Shared {
    pace: Pace,
    started: Instant,
    /// Nothing is sent and nothing waited for after this.
    over: Instant,
    timeout: Duration,
    window: Duration,
    expected: Vec<StatusCode>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    windows: RefCell<Vec<Tally>>,
}

impl Shared {
    pub fn new(scenario: &Scenario, pace: Pace, started: Instant) -> Self {
        let mut headers = scenario.headers.clone();
        if scenario.protocol == Protocol::Http1 {
            headers.insert(header::HOST, scenario.host.clone());
        }
        Self {
            pace,
            started,
            over: started + scenario.duration + scenario.timeout,
            timeout: scenario.timeout,
            window: scenario.window.unwrap_or(Duration::MAX),
            expected: scenario.expected.clone(),
            method: scenario.method.clone(),
            uri: scenario.uri.clone(),
            headers,
            body: Bytes::from(vec![b'x'; scenario.body_bytes]),
            windows: RefCell::default(),
        }
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    fn record(&self, due: Instant, result: Result<StatusCode, Failure>) {
        let latency = due.elapsed();
        let mut windows = self.windows.borrow_mut();
        let tally = window_of(&mut windows, due - self.started, self.window);
        match result {
            Ok(status) => tally.answer(status, self.expected.contains(&status), latency),
            Err(failure) => tally.failure(failure, latency),
        }
    }

    /// Closes the books: what was due and never sent is counted too.
    pub fn finish(&self) -> Outcome {
        for due in self.pace.unsent() {
            self.record(due, Err(Failure::Unsent));
        }
        Outcome { elapsed: self.started.elapsed(), windows: self.windows.take() }
    }
}

fn window_of(windows: &mut Vec<Tally>, after: Duration, window: Duration) -> &mut Tally {
    let index = (after.as_nanos() / window.as_nanos()) as usize;
    if windows.len() <= index {
        windows.resize_with(index + 1, Tally::default);
    }
    &mut windows[index]
}

pub(super) struct Lane {
    shared: Rc<Shared>,
    link: Rc<Link>,
}

impl Lane {
    pub fn new(shared: Rc<Shared>, link: Rc<Link>) -> Self {
        Self { shared, link }
    }

    pub async fn drive(self) {
        while let Some(due) = self.shared.pace.due(self.shared.over).await {
            let deadline = (Instant::now() + self.shared.timeout).min(self.shared.over);
            let result = tokio::time::timeout_at(deadline.into(), self.exchange()).await;
            let result = result.unwrap_or(Err(Failure::Timeout));
            self.shared.record(due, result);
            if result.is_err() {
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    /// One request and its whole answer. Dropped half way (a timeout), it takes its HTTP/1.1 connection or HTTP/2 stream
    /// along.
    async fn exchange(&self) -> Result<StatusCode, Failure> {
        let mut sender = self.link.sender().await?;
        let response = sender.send(self.shared.request()).await?;
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(|_| Failure::Broken)?;
        }
        self.link.give_back(sender);
        Ok(status)
    }
}
