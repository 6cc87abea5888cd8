//! What the admin API says when it says no: RFC 9457 problem details, as reasons line by line.

use crate::failure::{Exit, Failure};
use serde::Deserialize;

/// The members the API gives; others are its own business.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    /// All of them, where there is more to say than `detail`.
    errors: Vec<Reason>,
}

/// One fault of a request: where in its body, and what.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reason {
    /// JSON pointer; empty for the whole of it.
    pointer: String,
    reason: String,
}

impl Reason {
    fn text(self) -> String {
        if self.pointer.is_empty() { self.reason } else { format!("{}: {}", self.pointer, self.reason) }
    }
}

/// A failure from an answer that is no success. `4xx` is a refusal, everything else failed.
pub fn failure(tried: &str, status: u16, body: &[u8]) -> Failure {
    let mut wrong = reasons(body);
    if wrong.is_empty() {
        wrong.push(format!("the admin API answered {status} without saying why"));
    }
    let exit = if (400..500).contains(&status) { Exit::Refused } else { Exit::Failed };
    let advice = advice(status);
    Failure { exit, tried: tried.to_owned(), wrong, advice: advice.map(str::to_owned) }
}

fn reasons(body: &[u8]) -> Vec<String> {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    if !problem.errors.is_empty() {
        return problem.errors.into_iter().map(Reason::text).collect();
    }
    let said = [problem.detail, problem.title].into_iter().find(|text| !text.is_empty());
    said.or_else(|| short_text(body)).into_iter().collect()
}

/// What something between us and the API may have said instead of a problem.
fn short_text(body: &[u8]) -> Option<String> {
    const CHARS_MAX: usize = 300;
    let text = std::str::from_utf8(body).ok()?.trim();
    let is_text = !text.is_empty() && !text.starts_with(['<', '{']) && text.len() <= CHARS_MAX;
    is_text.then(|| text.to_owned())
}

fn advice(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("give a valid token with --token or SWITCHYARD_TOKEN; the first one is in DATA_DIR/admin-token"),
        403 => Some("use a token whose role may do this"),
        409 | 412 => Some("look at the present state and try again with what it says now"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_win_over_detail_and_detail_over_title() {
        let all =
            failure("x", 400, br#"{"title":"t","detail":"d","errors":[{"pointer":"/x","reason":"a"},{"reason":"b"}]}"#);
        assert_eq!((all.exit, all.wrong), (Exit::Refused, vec!["/x: a".to_owned(), "b".to_owned()]));
        assert_eq!(failure("x", 500, br#"{"title":"t","detail":"d"}"#).wrong, ["d"]);
        assert_eq!(failure("x", 400, b"bad query\n").wrong, ["bad query"]);
        let silent = failure("x", 502, b"<html>");
        assert_eq!((silent.exit, silent.wrong.len()), (Exit::Failed, 1));
    }
}
