//! What the demo's clients saw: counts by tenant and version, failures by reason, and every move of
//! a user from one version to another.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Different reasons kept; more would only repeat.
const REASONS_MAX: usize = 8;

/// An answer as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// What the proxy chose, such as `headers=1.1.0`, in the order of the path.
    pub choices: Vec<String>,
    /// Plugins of which the answer bears no mark: they failed, and the policy let the request pass
    /// without them.
    pub missing: Vec<&'static str>,
}

/// Answers of one host since the last look.
#[derive(Debug, Default, Clone)]
pub struct Window {
    pub requests: u64,
    /// By choice.
    pub choices: BTreeMap<String, u64>,
    /// Answers without a plugin's mark, by the choice that should have left it.
    pub missing: BTreeMap<String, u64>,
    /// Users who went from one choice to another of the same plugin.
    pub moves: BTreeMap<(String, String), u64>,
}

impl Window {
    /// In percent.
    pub fn share(&self, choice: &str) -> f64 {
        self.count(choice) as f64 * 100.0 / self.requests.max(1) as f64
    }

    pub fn count(&self, choice: &str) -> u64 {
        self.choices.get(choice).copied().unwrap_or(0)
    }

    pub fn missing(&self, choice: &str) -> u64 {
        self.missing.get(choice).copied().unwrap_or(0)
    }

    pub fn moved(&self, from: &str, to: &str) -> u64 {
        self.moves.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or(0)
    }
}

#[derive(Debug, Default)]
struct State {
    windows: HashMap<&'static str, Window>,
    /// The choice each user of a host has now, by plugin.
    users: HashMap<(&'static str, u32, String), String>,
    total: u64,
    failed: u64,
    reasons: BTreeMap<String, u64>,
    last_seen: HashMap<(&'static str, String), Instant>,
}

/// Shared by all clients. A lock per request is nothing beside the request.
#[derive(Debug, Default)]
pub struct Tally(Mutex<State>);

impl Tally {
    pub fn record(&self, host: &'static str, user: u32, outcome: Result<Served, String>) {
        let mut state = self.lock();
        state.total += 1;
        match outcome {
            Ok(served) => state.served(host, user, served),
            Err(reason) => {
                state.failed += 1;
                if state.reasons.len() < REASONS_MAX || state.reasons.contains_key(&reason) {
                    *state.reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }

    /// What a host was answered since the last call.
    pub fn window(&self, host: &'static str) -> Window {
        self.lock().windows.remove(host).unwrap_or_default()
    }

    /// Whoever comes next is new: moves are counted from here.
    pub fn forget_users(&self) {
        self.lock().users.clear();
    }

    /// When an answer of that choice last arrived.
    pub fn last_seen(&self, host: &'static str, choice: &str) -> Option<Instant> {
        self.lock().last_seen.get(&(host, choice.to_owned())).copied()
    }

    /// All requests, the failed ones, and why they failed.
    pub fn totals(&self) -> (u64, u64, Vec<String>) {
        let state = self.lock();
        let reasons = state.reasons.iter().map(|(reason, count)| format!("{count} x {reason}")).collect();
        (state.total, state.failed, reasons)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn served(&mut self, host: &'static str, user: u32, served: Served) {
        let window = self.windows.entry(host).or_default();
        window.requests += 1;
        for choice in served.choices {
            let plugin = choice.split('=').next().unwrap_or_default().to_owned();
            if served.missing.iter().any(|missing| *missing == plugin) {
                *window.missing.entry(choice.clone()).or_default() += 1;
            }
            self.last_seen.insert((host, choice.clone()), Instant::now());
            let before = self.users.insert((host, user, plugin), choice.clone());
            if let Some(before) = before.filter(|before| *before != choice) {
                *window.moves.entry((before, choice.clone())).or_default() += 1;
            }
            *window.choices.entry(choice).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_failures_and_moves_are_counted_by_window() {
        let tally = Tally::default();
        let see = |user, choice: &str, missing: &[&'static str]| {
            let served =
                Served { choices: vec![choice.to_owned(), "other=2.0.0".to_owned()], missing: missing.to_vec() };
            tally.record("a", user, Ok(served));
        };
        see(1, "p=1.0.0", &[]);
        see(2, "p=1.1.0", &["p"]);
        see(2, "p=1.0.0", &[]);
        tally.record("a", 3, Err("status 500".to_owned()));
        let window = tally.window("a");
        assert_eq!((window.requests, window.moved("p=1.1.0", "p=1.0.0"), window.moves.len()), (3, 1, 1));
        assert!((window.share("p=1.0.0") - 66.67).abs() < 0.01);
        assert_eq!((window.missing("p=1.1.0"), window.missing("other=2.0.0")), (1, 0));
        assert_eq!(tally.window("a").requests, 0);
        assert_eq!(tally.totals(), (4, 1, vec!["1 x status 500".to_owned()]));
        assert!(tally.last_seen("a", "p=1.1.0").is_some() && tally.last_seen("b", "p=1.1.0").is_none());
    }
}
