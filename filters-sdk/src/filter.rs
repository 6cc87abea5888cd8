//! The trait a filter implements, and what it asks to see.

use crate::bindings::types::{self, Phase, Wanted};
use crate::{
    Chunk, Configuration, Failure, Headers, RequestEdits, RequestHead, ResponseEdits, ResponseHead, Result, Whole,
};

pub use crate::bindings::types::Finished;

/// A filter. One value per exchange: its fields are the state of a request.
///
/// Implement it under [`#[filter]`](macro@crate::filter), which exports the type, reads from the
/// methods that are there which phases are wanted, and fills in `Config` and `new` where the filter
/// has no configuration (`new` is then `Default::default()`).
#[expect(unused_variables, reason = "the names document the arguments")]
pub trait Filter: Sized + 'static {
    /// The tenant's configuration: any type with serde's derives, best made by
    /// [`#[config]`](macro@crate::config).
    type Config: Configuration;

    #[doc(hidden)]
    const DECLARED: Declared;

    /// A new exchange begins.
    fn new(config: &'static Self::Config) -> Self;

    /// The head of the request. The default passes it on.
    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        Ok(RequestEdits::new())
    }

    /// A part of the request's body, after [`RequestEdits::read_chunks`]. `end`: it is the last, and
    /// may be empty.
    fn on_request_chunk(&mut self, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        Ok(Chunk::Keep)
    }

    /// The request's whole body, after [`RequestEdits::read_body`].
    fn on_request_body(&mut self, body: Vec<u8>) -> Result<Whole> {
        Ok(Whole::keep())
    }

    /// The head of the response.
    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        Ok(ResponseEdits::new())
    }

    /// A part of the response's body, after [`ResponseEdits::read_chunks`].
    fn on_response_chunk(&mut self, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        Ok(Chunk::Keep)
    }

    /// The response's whole body, after [`ResponseEdits::read_body`].
    fn on_response_body(&mut self, body: Vec<u8>) -> Result<Whole> {
        Ok(Whole::keep())
    }

    /// The trailers of the response. A host that does not call this hook refuses the filter when it is
    /// prepared, and says so.
    fn on_trailers(&mut self, trailers: &Headers) {}

    /// How the exchange ended. A host that does not call this hook refuses the filter when it is
    /// prepared, and says so.
    fn on_finished(&mut self, outcome: &Finished) {}

    /// Looks at a configuration that parsed. An error is shown to the operator, and the version does
    /// not serve.
    fn validate(config: &Self::Config) -> core::result::Result<(), String> {
        Ok(())
    }

    /// Asks for more than the attribute does, where that depends on the configuration.
    fn plan(config: &Self::Config, plan: &mut Plan) {}

    /// Asked once after every configuration, in an instance that started with it.
    fn health(config: &'static Self::Config) -> core::result::Result<(), String> {
        Ok(())
    }
}

/// Which headers a hook sees. Fewer is faster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderNames {
    Named(Vec<String>),
    All,
}

impl HeaderNames {
    /// Asks for one more.
    pub fn add(&mut self, name: impl Into<String>) {
        let name = crate::edits::lower_case(name);
        if let Self::Named(names) = self
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
}

impl From<HeaderNames> for Wanted {
    fn from(names: HeaderNames) -> Self {
        match names {
            HeaderNames::All => Self::All,
            HeaderNames::Named(names) if names.is_empty() => Self::Nothing,
            HeaderNames::Named(names) => Self::Named(names),
        }
    }
}

/// What a configured filter asks the host for. Begins as the attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whether [`RequestHead::line`] is filled in.
    pub request_line: bool,
    pub request_headers: HeaderNames,
    pub response_headers: HeaderNames,
    pub(crate) phases: Vec<Phase>,
}

impl From<Plan> for types::Plan {
    fn from(plan: Plan) -> Self {
        Self {
            request_line: plan.request_line,
            request_headers: plan.request_headers.into(),
            response_headers: plan.response_headers.into(),
            phases: plan.phases,
        }
    }
}

/// What the attribute and the implemented methods ask for. `None` for headers: all; names are lower
/// case and there once.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    pub request_line: bool,
    pub request_headers: Option<&'static [&'static str]>,
    pub response_headers: Option<&'static [&'static str]>,
    pub request_body: bool,
    pub response: bool,
    pub response_body: bool,
    pub trailers: bool,
    pub finished: bool,
}

impl Declared {
    /// Whether any hook comes after the request head.
    pub(crate) const fn keeps_state(&self) -> bool {
        self.request_body || self.response || self.response_body || self.trailers || self.finished
    }

    pub(crate) fn plan(&self) -> Plan {
        let names = |names: Option<&[&str]>| match names {
            None => HeaderNames::All,
            Some(names) => HeaderNames::Named(names.iter().map(|name| (*name).to_owned()).collect()),
        };
        let phases = [
            (self.request_body, Phase::RequestBody),
            (self.response, Phase::ResponseHeaders),
            (self.response_body, Phase::ResponseBody),
            (self.trailers, Phase::Trailers),
            (self.finished, Phase::Finished),
        ];
        Plan {
            request_line: self.request_line,
            request_headers: names(self.request_headers),
            response_headers: names(self.response_headers),
            phases: phases.into_iter().filter_map(|(wanted, phase)| wanted.then_some(phase)).collect(),
        }
    }
}
