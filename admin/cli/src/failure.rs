//! How a command ends when it does not end well: what was tried, what was wrong, what to do, and
//! the exit code scripts can rely on.

use serde_json::{Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// Exit codes are part of the interface: 0 done, 1 failed, 2 usage, 3 refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It could not be done: nobody answered, a file could not be read, the far side broke.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// It was understood and turned down: by the server, or because a file is not valid.
    Refused = 3,
}

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// Completes "could not …".
    pub tried: String,
    /// Every reason, not only the first.
    pub wrong: Vec<String>,
    pub advice: Option<String>,
}

impl Failure {
    pub fn failed(tried: impl Into<String>, wrong: impl ToString) -> Self {
        Self::new(Exit::Failed, tried, vec![wrong.to_string()])
    }

    pub fn usage(tried: impl Into<String>, wrong: impl ToString) -> Self {
        Self::new(Exit::Usage, tried, vec![wrong.to_string()])
    }

    pub fn refused(tried: impl Into<String>, wrong: Vec<String>) -> Self {
        Self::new(Exit::Refused, tried, wrong)
    }

    fn new(exit: Exit, tried: impl Into<String>, wrong: Vec<String>) -> Self {
        Self { exit, tried: tried.into(), wrong, advice: None }
    }

    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// An error with its causes, outermost first, as one line.
    pub fn from_chain(tried: impl Into<String>, error: &dyn std::error::Error) -> Self {
        Self::failed(tried, chain(error))
    }

    pub fn code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    pub fn text(&self) -> String {
        let mut text = format!("error: could not {}", self.tried);
        match self.wrong.as_slice() {
            [] => text.push('\n'),
            [only] => _ = writeln!(text, ": {only}"),
            many => {
                text.push_str(":\n");
                for reason in many {
                    _ = writeln!(text, "  - {reason}");
                }
            }
        }
        if let Some(advice) = &self.advice {
            _ = writeln!(text, "hint: {advice}");
        }
        text
    }

    /// The same for programs, on one line.
    pub fn json(&self) -> Value {
        let error = match self.exit {
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
        };
        json!({ "error": error, "tried": self.tried, "reasons": self.wrong, "advice": self.advice })
    }
}

/// The error and its causes without saying the same thing twice: some errors print their source.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_stays_on_the_line_and_many_get_their_own() {
        let one = Failure::failed("list plugins", "nobody answers").advise("start it");
        assert_eq!(one.text(), "error: could not list plugins: nobody answers\nhint: start it\n");
        let many = Failure::refused("register a", vec!["b".to_owned(), "c".to_owned()]);
        assert_eq!(many.text(), "error: could not register a:\n  - b\n  - c\n");
        assert_eq!(many.json()["error"], "refused");
    }

    #[test]
    fn a_cause_that_is_already_told_is_not_told_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: {0}")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(chain(&error), "outer: inner");
    }
}
