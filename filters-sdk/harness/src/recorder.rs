//! Keeps what filters log and count, for a test to look at.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use switchyard_runtime::{FilterId, LogLevel, Telemetry};

#[derive(Default)]
pub(crate) struct Recorder {
    lines: Mutex<Vec<String>>,
}

impl Recorder {
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, mut line: String, labels: &[(String, String)]) {
        for (name, value) in labels {
            // Writing to a string cannot fail.
            let _ = write!(line, " {name}={value}");
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

impl Telemetry for Recorder {
    fn log(&self, _: &Arc<FilterId>, _: u64, level: LogLevel, message: &str, fields: &[(String, String)]) {
        self.keep(format!("{level:?}: {message}"), fields);
    }

    fn count(&self, _: &Arc<FilterId>, name: &str, labels: &[(String, String)], add: u64) {
        self.keep(format!("count {name} {add}"), labels);
    }

    fn gauge(&self, _: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64) {
        self.keep(format!("gauge {name} {value}"), labels);
    }

    fn observe(&self, _: &Arc<FilterId>, name: &str, labels: &[(String, String)], value: f64) {
        self.keep(format!("observe {name} {value}"), labels);
    }

    fn dropped(&self, _: &Arc<FilterId>, what: &'static str) {
        self.keep(format!("dropped {what}"), &[]);
    }
}
