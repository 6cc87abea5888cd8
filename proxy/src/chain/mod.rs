//! The filters of one exchange: in order on the request, in reverse on the response.
//!
//! A hook is a value in, a decision out. The runtime has validated the decision as HTTP; here it
//! is checked against what this exchange can do, and lands whole or not at all. When a hook fails
//! the message is as it was before and the binding's policy decides: closed answers 503, open goes
//! on as if the filter were absent, and the filter takes no further part in the exchange. No room
//! for an instance is 503 with `Retry-After` whatever the policy, and a rejection is 400.
//!
//! A reply of filter k passes the filters before it (k-1 … 1) in reverse order, as a response from
//! the upstream would have, each with its response hooks; k itself and the filters after it do not
//! see it. Answers of the proxy itself (problem details) pass no filter. A 101 is not shown to
//! filters: the connection leaves HTTP with it, and its bytes are nobody's body.

mod edit;
mod request;
mod response;
mod step;

pub use response::Held;

use crate::respond::{Answer, Problem};
use crate::tenant::TenantRoute;
use http::HeaderMap;
use std::net::IpAddr;
use step::Step;

/// What of a request filters may be shown beside its head.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// `http` or `https`.
    pub scheme: &'static str,
    pub authority: &'a str,
    /// Without port.
    pub client: &'a str,
}

/// Why the exchange does not go on as it was.
#[derive(Debug)]
pub enum Stop {
    Answer(Answer),
    /// A filter aborted: 502 where nothing was sent yet, else the connection closes.
    Abort,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Answer(Answer::Problem(problem))
    }
}

impl Stop {
    /// As an answer, for where nothing was sent yet.
    pub fn into_answer(self) -> Answer {
        match self {
            Self::Answer(answer) => answer,
            Self::Abort => Answer::Problem(Problem::bad_gateway("A filter ended the exchange.")),
        }
    }
}

/// The chosen version of every binding, and how far the exchange has come.
pub struct Chain {
    steps: Vec<Step>,
    /// Steps whose `on_request` was called and passed: the ones the response goes through.
    reached: usize,
    response: response::State,
    /// Most bytes of a body any filter of this tenant may hold.
    buffered_bytes_max: usize,
}

impl Chain {
    /// Chooses the versions. Nothing runs yet. `None`: the tenant has no filters.
    pub fn choose(route: &TenantRoute, headers: &HeaderMap, client: IpAddr, exchange: u64) -> Option<Box<Self>> {
        if route.bindings.is_empty() {
            return None;
        }
        let step = |binding: &crate::tenant::BindingRoute| {
            let policy = route.entry.bindings.get(binding.index)?.failure_policy;
            Some(Step::new(binding.choose(&route.entry, headers, client)?.clone(), policy, exchange))
        };
        let steps: Vec<Step> = route.bindings.iter().filter_map(step).collect();
        let buffered_bytes_max = usize::try_from(route.entry.limits.buffered_body_bytes_max).unwrap_or(usize::MAX);
        Some(Box::new(Self { steps, reached: 0, response: response::State::default(), buffered_bytes_max }))
    }

    /// Whether any filter may ask to see the response body.
    pub fn may_see_response_body(&self) -> bool {
        self.steps.iter().any(|step| step.arm.prepared.plan().response_body)
    }

    /// `plugin=1.2.0, other=2.0.1`, in the order of the request.
    pub fn versions(&self) -> String {
        let mut versions = String::new();
        for step in &self.steps {
            if !versions.is_empty() {
                versions.push_str(", ");
            }
            versions.push_str(&step.arm.label);
        }
        versions
    }
}
