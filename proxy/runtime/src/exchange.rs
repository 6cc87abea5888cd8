//! One request inside an instance: head in, decision out. Dropping it ends the exchange.

use crate::abi::native as abi;
use crate::admission::Running;
use crate::decision::{ChunkDecision, RequestDecision, ResponseDecision, WholeDecision};
use crate::fault::{Fault, HookError};
use crate::host::Usage;
use crate::instance::{Call, LiveInstance};
use crate::prepared::{Prepared, Wanted};
use crate::reused::SharedInstance;
use crate::validate;
use http::{HeaderMap, HeaderValue};
use smallvec::SmallVec;
use std::sync::Arc;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Lift, Lower};

/// A filter's text for the client or the log is cut to this.
const REASON_BYTES_MAX: usize = 1 << 10;

/// What the proxy knows of a request; the plan decides how much of it the filter sees.
#[derive(Debug, Clone, Copy)]
pub struct RequestHeadInput<'a> {
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    pub authority: &'a str,
    pub path_and_query: &'a str,
    /// Without port.
    pub client_address: &'a str,
    pub headers: &'a HeaderMap,
}

#[derive(Debug, Clone, Copy)]
pub struct ResponseHeadInput<'a> {
    pub status: u16,
    pub headers: &'a HeaderMap,
}

enum Room {
    /// Boxed so that an exchange is small to move: the instance is moved once.
    Fresh(Box<LiveInstance>),
    Shared {
        instance: Arc<SharedInstance>,
        usage: Usage,
    },
}

pub struct Exchange {
    room: Option<Room>,
    prepared: Arc<Prepared>,
    /// The request's id for log lines.
    id: u64,
    /// The exchange's number inside its instance.
    number: u64,
    fault: Option<Fault>,
    _running: Running,
}

type Headers<'a> = SmallVec<[abi::HeaderIn<'a>; 16]>;

/// `end`: nothing follows. Every method runs at most the deadline of its limits on this thread.
/// After a `Fault` the exchange answers every further call with that fault.
impl Exchange {
    pub(crate) fn fresh(prepared: Arc<Prepared>, running: Running, live: LiveInstance, id: u64) -> Self {
        prepared.count_begun();
        Self { room: Some(Room::Fresh(Box::new(live))), prepared, id, number: 1, fault: None, _running: running }
    }

    pub(crate) fn shared(
        prepared: Arc<Prepared>,
        running: Running,
        instance: Arc<SharedInstance>,
        id: u64,
        number: u64,
    ) -> Self {
        prepared.count_begun();
        let room = Room::Shared { instance, usage: Usage::default() };
        Self { room: Some(room), prepared, id, number, fault: None, _running: running }
    }

    pub fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    pub fn on_request(&mut self, head: &RequestHeadInput<'_>, end: bool) -> Result<RequestDecision, HookError> {
        const HOOK: &str = "on-request";
        let prepared = Arc::clone(&self.prepared);
        let headers = shown(&prepared.request_headers, head.headers);
        let line = prepared.request_line.then_some(abi::RequestLine {
            method: head.method,
            scheme: head.scheme,
            authority: head.authority,
            path_with_query: head.path_and_query,
            client_address: head.client_address,
        });
        let head = abi::RequestHead { line, headers: &headers };
        let decided: Result<abi::RequestDecision, abi::Error> =
            self.call(HOOK, &prepared.module.hooks.on_request, |number| (number, head, end))?;
        self.settle(HOOK, decided, validate::request_decision)
    }

    pub fn on_request_chunk(&mut self, chunk: &[u8], end: bool) -> Result<ChunkDecision, HookError> {
        const HOOK: &str = "on-request-chunk";
        let index = self.prepared.module.hooks.on_request_chunk;
        let decided: Result<abi::ChunkDecision, abi::Error> = self.call(HOOK, &index, |number| (number, chunk, end))?;
        self.settle(HOOK, decided, |decision| Ok(validate::chunk_decision(decision)))
    }

    pub fn on_request_whole(&mut self, body: &[u8]) -> Result<WholeDecision, HookError> {
        const HOOK: &str = "on-request-whole";
        let index = self.prepared.module.hooks.on_request_whole;
        let decided: Result<abi::WholeDecision, abi::Error> = self.call(HOOK, &index, |number| (number, body))?;
        self.settle(HOOK, decided, validate::whole_decision)
    }

    pub fn on_response(&mut self, head: &ResponseHeadInput<'_>, end: bool) -> Result<ResponseDecision, HookError> {
        const HOOK: &str = "on-response";
        let prepared = Arc::clone(&self.prepared);
        let headers = shown(&prepared.response_headers, head.headers);
        let head = abi::ResponseHead { status: head.status, headers: &headers };
        let decided: Result<abi::ResponseDecision, abi::Error> =
            self.call(HOOK, &prepared.module.hooks.on_response, |number| (number, head, end))?;
        self.settle(HOOK, decided, validate::response_decision)
    }

    pub fn on_response_chunk(&mut self, chunk: &[u8], end: bool) -> Result<ChunkDecision, HookError> {
        const HOOK: &str = "on-response-chunk";
        let index = self.prepared.module.hooks.on_response_chunk;
        let decided: Result<abi::ChunkDecision, abi::Error> = self.call(HOOK, &index, |number| (number, chunk, end))?;
        self.settle(HOOK, decided, |decision| Ok(validate::chunk_decision(decision)))
    }

    pub fn on_response_whole(&mut self, body: &[u8]) -> Result<WholeDecision, HookError> {
        const HOOK: &str = "on-response-whole";
        let index = self.prepared.module.hooks.on_response_whole;
        let decided: Result<abi::WholeDecision, abi::Error> = self.call(HOOK, &index, |number| (number, body))?;
        self.settle(HOOK, decided, validate::whole_decision)
    }

    /// One hook in whichever room the exchange has. `params` is given the exchange's number.
    fn call<Params, Decided>(
        &mut self,
        hook: &'static str,
        index: &ComponentExportIndex,
        params: impl FnOnce(u64) -> Params,
    ) -> Result<Decided, Fault>
    where
        Params: ComponentNamedList + Lower,
        (Decided,): ComponentNamedList + Lift,
    {
        let prepared = &*self.prepared;
        let call = Call { hook, index, deadline_ms: prepared.limits.deadline_ms };
        let params = params(self.number);
        let called = match &mut self.room {
            Some(Room::Fresh(live)) => live.call(&prepared.inner, &prepared.module, call, params),
            Some(Room::Shared { instance, usage }) => call_shared(prepared, instance, usage, self.id, call, params),
            None => return Err(self.fault.clone().unwrap_or(Fault::Discarded)),
        };
        called.map(|(decided,)| decided).map_err(|fault| self.discard(fault))
    }

    /// Splits the filter's own refusals from what it decided, and checks the latter.
    fn settle<Abi, Decision>(
        &mut self,
        hook: &'static str,
        decided: Result<Abi, abi::Error>,
        check: impl FnOnce(Abi) -> Result<Decision, String>,
    ) -> Result<Decision, HookError> {
        match decided {
            Ok(decision) => {
                check(decision).map_err(|reason| self.discard(Fault::InvalidDecision { hook, reason }).into())
            }
            Err(abi::Error::Reject(reason)) => Err(HookError::Reject(readable(reason))),
            Err(abi::Error::Fault(reason)) => {
                Err(self.discard(Fault::Failed { hook, reason: readable(reason) }).into())
            }
        }
    }

    /// The instance goes with the fault.
    #[cold]
    fn discard(&mut self, fault: Fault) -> Fault {
        if let Some(Room::Shared { instance, .. }) = self.room.take() {
            instance.discard();
        }
        self.fault = Some(fault.clone());
        fault
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(Room::Shared { instance, usage }) = &mut self.room {
            let prepared = &*self.prepared;
            let hook = "close";
            let call = Call { hook, index: &prepared.module.hooks.close, deadline_ms: prepared.limits.deadline_ms };
            let closed: Result<(), Fault> = call_shared(prepared, instance, usage, self.id, call, (self.number,));
            if let Err(fault) = closed {
                tracing::debug!(%fault, "a reused instance failed to close an exchange and is discarded");
                instance.discard();
            }
        }
        // The instance goes first: who waits for the count to reach zero may rely on that.
        self.room = None;
        self.prepared.count_ended();
    }
}

fn call_shared<Params, Return>(
    prepared: &Prepared,
    instance: &SharedInstance,
    usage: &mut Usage,
    id: u64,
    call: Call<'_>,
    params: Params,
) -> Result<Return, Fault>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    let mut live = instance.lock()?;
    live.enter(id, *usage);
    let called = live.call(&prepared.inner, &prepared.module, call, params);
    *usage = live.usage();
    if called.is_err() {
        // Before the lock goes: nobody may call into an instance that trapped.
        instance.discard();
    }
    called
}

/// The headers the filter asked for, borrowed.
fn shown<'a>(wanted: &'a Wanted, headers: &'a HeaderMap) -> Headers<'a> {
    let header = |name: &'a http::HeaderName, value: &'a HeaderValue| abi::HeaderIn {
        name: name.as_str(),
        value: value.as_bytes(),
    };
    match wanted {
        Wanted::Nothing => Headers::new(),
        Wanted::All => headers.iter().map(|(name, value)| header(name, value)).collect(),
        Wanted::Named(names) => {
            names.iter().flat_map(|name| headers.get_all(name).iter().map(move |value| header(name, value))).collect()
        }
    }
}

/// Cut, and without control characters: it goes to clients and logs.
fn readable(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text.retain(|c| !c.is_control());
    text
}
