//! Misbehaves, as configured, for a share of exchanges, and is good for the others:
//!
//! ```json
//! { "mode": "trap", "share": 0.1, "phase": "request" }
//! ```
//!
//! For tests and for the demo's bad version.

use std::hint::black_box;
use switchyard_filter::prelude::*;

const NS_PER_MS: u64 = 1_000_000;
const BLOCK_BYTES: usize = 1 << 20;
const FLOOD_LINES: u32 = 1_000_000;

#[config]
struct Config {
    #[serde(default)]
    mode: Mode,
    /// Of exchanges, 0.0 to 1.0.
    #[serde(default = "all")]
    share: f64,
    #[serde(default)]
    phase: Phase,
    /// How long `slow` takes.
    #[serde(default)]
    slow_ms: u32,
    /// Misbehaves only as this version: a good release and a bad one under one configuration.
    #[serde(default)]
    only_version: Option<String>,
}

fn all() -> f64 {
    1.0
}

#[config]
#[derive(Copy, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    None,
    /// Panics.
    Trap,
    /// Calls itself without end.
    Recurse,
    Loop,
    /// Allocates until it is stopped.
    Allocate,
    /// Answers 500.
    Status500,
    /// Works for `slow_ms`.
    Slow,
    /// Says that it failed.
    Fault,
    /// Says that the client is at fault.
    Reject,
    /// Decides what HTTP forbids: a line break in a header.
    Invalid,
    /// Logs a million lines.
    Flood,
}

#[config]
#[derive(Copy, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Configure,
    Health,
    #[default]
    Request,
    Response,
}

struct Bad {
    config: &'static Config,
}

#[filter]
impl Filter for Bad {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config }
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        let invalid = self.config.misbehave(Phase::Request)?;
        Ok(if invalid {
            request.pass().set("x-bad", "a\r\nx-smuggled: 1")
        } else {
            request.pass().set("x-bad", "good")
        })
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        let invalid = self.config.misbehave(Phase::Response)?;
        let edits = response.pass().set("x-bad-version", switchyard_filter::version!());
        Ok(if invalid { edits.set("x-bad", "a\r\nx-smuggled: 1") } else { edits })
    }

    fn validate(config: &Config) -> Result<(), String> {
        if !(0.0..=1.0).contains(&config.share) {
            return Err(format!("share: {} is not between 0.0 and 1.0", config.share));
        }
        config.check(Phase::Configure)
    }

    fn health(config: &Config) -> Result<(), String> {
        config.check(Phase::Health)
    }
}

impl Config {
    /// For the calls that answer with a text.
    fn check(&self, phase: Phase) -> Result<(), String> {
        match self.misbehave(phase) {
            Ok(_) => Ok(()),
            Err(Halt::Reply(_)) => Err("a bad filter answers 500".into()),
            Err(Halt::Failure(Failure::Fault(text) | Failure::Reject(text))) => Err(text),
        }
    }

    /// Whether the decision is to be invalid; other modes do not come back, or as an error.
    fn misbehave(&self, phase: Phase) -> Result<bool> {
        let meant = self.only_version.as_deref().is_none_or(|version| version == switchyard_filter::version!());
        if !meant || self.mode == Mode::None || phase != self.phase || !drawn(self.share) {
            return Ok(false);
        }
        if matches!(phase, Phase::Request | Phase::Response) {
            log::emit(log::Level::Warn, "about to misbehave", &[("mode", &format!("{:?}", self.mode))]);
            metrics::count("misbehaved_total", &[], 1);
        }
        match self.mode {
            Mode::Trap => panic!("bad on purpose"),
            Mode::Recurse => recurse(1),
            Mode::Loop => loop {
                black_box(());
            },
            Mode::Allocate => allocate(),
            Mode::Slow => work(self.slow_ms),
            Mode::Flood => (0..FLOOD_LINES).for_each(|_| log::info("a line of a flood")),
            Mode::Status500 => return Err(Reply::new(500).text("bad on purpose").into()),
            Mode::Fault => return Err(fault("bad on purpose").into()),
            Mode::Reject => return Err(reject("bad on purpose").into()),
            Mode::Invalid => return Ok(true),
            Mode::None => {}
        }
        Ok(false)
    }
}

fn drawn(share: f64) -> bool {
    // The upper bits are as many as a number of this kind holds exactly.
    let draw = (random::number() >> 11) as f64 / (1_u64 << 53) as f64;
    share >= 1.0 || draw < share
}

#[expect(unconditional_recursion, reason = "it is bad on purpose")]
#[inline(never)]
fn recurse(depth: u64) {
    let frame = black_box([depth; 64]);
    recurse(frame[0] + 1);
    black_box(frame);
}

fn allocate() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; BLOCK_BYTES]));
    }
}

fn work(slow_ms: u32) {
    let end = clock::monotonic_ns().saturating_add(u64::from(slow_ms) * NS_PER_MS);
    while clock::monotonic_ns() < end {
        (0..10_000).for_each(|step| {
            black_box(step);
        });
    }
}
