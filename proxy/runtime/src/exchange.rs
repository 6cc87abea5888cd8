//! One request inside an instance: head in, decision out. Dropping it ends the exchange.

use crate::decision::{ChunkDecision, RequestDecision, ResponseDecision, Whole};
use crate::fault::HookError;
use http::HeaderMap;

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

pub struct Exchange {}

/// `end`: nothing follows. Every method runs at most the deadline of its limits on this thread.
/// After a `Fault` the exchange answers every further call with that fault.
impl Exchange {
    pub fn on_request(&mut self, _head: &RequestHeadInput<'_>, _end: bool) -> Result<RequestDecision, HookError> {
        todo!()
    }
    pub fn on_request_chunk(&mut self, _chunk: &[u8], _end: bool) -> Result<ChunkDecision, HookError> {
        todo!()
    }
    pub fn on_request_whole(&mut self, _body: &[u8]) -> Result<Whole, HookError> {
        todo!()
    }
    pub fn on_response(&mut self, _head: &ResponseHeadInput<'_>, _end: bool) -> Result<ResponseDecision, HookError> {
        todo!()
    }
    pub fn on_response_chunk(&mut self, _chunk: &[u8], _end: bool) -> Result<ChunkDecision, HookError> {
        todo!()
    }
    pub fn on_response_whole(&mut self, _body: &[u8]) -> Result<Whole, HookError> {
        todo!()
    }
}
