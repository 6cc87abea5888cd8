//! One filter in one exchange: calls its hooks, counts them, and applies the failure policy.

use crate::metrics::{Hook, Outcome};
use crate::node::prepare::Arm;
use crate::respond::Problem;
use std::sync::Arc;
use std::time::Instant;
use switchyard_contract::snapshot::FailurePolicy;
use switchyard_runtime::{Exchange, Fault, HookError};

/// Where a filter stands in its exchange.
enum Part {
    NotYet,
    In(Exchange),
    /// Failed, with policy open, or done.
    Out,
}

pub struct Step {
    pub arm: Arc<Arm>,
    policy: FailurePolicy,
    exchange: u64,
    part: Part,
    /// Wants the request body chunk by chunk.
    pub request_chunks: bool,
    /// Wants the response body chunk by chunk.
    pub response_chunks: bool,
}

impl Step {
    pub fn new(arm: Arc<Arm>, policy: FailurePolicy, exchange: u64) -> Self {
        Self { arm, policy, exchange, part: Part::NotYet, request_chunks: false, response_chunks: false }
    }

    /// Calls a hook. `None`: the filter takes no part, go on as if it were absent.
    pub fn call<T>(
        &mut self,
        hook: Hook,
        call: impl FnOnce(&mut Exchange) -> Result<T, HookError>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<Option<T>, Problem> {
        let started = Instant::now();
        let result = match self.enter() {
            Ok(Some(exchange)) => call(exchange),
            Ok(None) => return Ok(None),
            Err(fault) => Err(fault.into()),
        };
        match result {
            Ok(value) => {
                self.arm.metrics.called(hook, outcome(&value), started.elapsed());
                Ok(Some(value))
            }
            Err(error) => {
                self.arm.metrics.failed(hook, &error, started.elapsed());
                self.failed(hook, error).map(|()| None)
            }
        }
    }

    fn enter(&mut self) -> Result<Option<&mut Exchange>, Fault> {
        if matches!(self.part, Part::NotYet) {
            self.part = Part::In(self.arm.prepared.begin(self.exchange)?);
        }
        Ok(match &mut self.part {
            Part::In(exchange) => Some(exchange),
            Part::NotYet | Part::Out => None,
        })
    }

    /// The filter asked for nothing more of this exchange: its instance makes room for another.
    pub fn rest(&mut self) {
        let wants_more = self.request_chunks || self.arm.prepared.plan().response_headers;
        if !wants_more {
            self.part = Part::Out;
        }
    }

    /// A decision this exchange cannot follow is a fault of the filter like any other.
    pub fn invalid(&mut self, hook: Hook, reason: String) -> Result<(), Problem> {
        let error = HookError::Fault(Fault::InvalidDecision { hook: hook.label(), reason });
        self.arm.metrics.failed(hook, &error, std::time::Duration::ZERO);
        self.failed(hook, error)
    }

    fn failed(&mut self, hook: Hook, error: HookError) -> Result<(), Problem> {
        self.part = Part::Out;
        (self.request_chunks, self.response_chunks) = (false, false);
        let fault = match error {
            HookError::Reject(text) => return Err(Problem::bad_request(text)),
            HookError::Fault(fault) => fault,
        };
        self.arm.faults.report(self.arm.prepared.id(), hook, self.exchange, &fault);
        match (&fault, self.policy) {
            (Fault::Exhausted { .. }, _) => Err(Problem::busy("There is no room for another filter instance.")),
            (_, FailurePolicy::Closed) => Err(Problem::unavailable("A filter of this host failed.")),
            (_, FailurePolicy::Open) => Ok(()),
        }
    }
}
