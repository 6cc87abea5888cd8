//! The response's way back through the chain.
//!
//! Filters are asked in reverse order. The first that wants the whole body makes the head wait:
//! filters before it in the chain see the head only after that body was read and decided on, and
//! then see a body that is in memory. So each filter sees exactly what the one behind it made.

use super::{Chain, Stop, edit};
use crate::metrics::{Hook, Outcome};
use crate::respond::{Answer, Problem, is_bodiless};
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use pingora::http::ResponseHeader;
use switchyard_runtime::{BodyPlan, ChunkDecision, Reply, ResponseDecision, ResponseHeadInput, WholeDecision};

/// Whether a head can go out or waits for its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    No,
    Yes,
}

#[derive(Default)]
pub struct State {
    holding: Option<Holding>,
}

/// A filter waits for the whole body.
struct Holding {
    step: usize,
    bytes_max: usize,
    body: BytesMut,
}

/// What one filter made of a head.
enum HeadStep {
    Passed(BodyPlan),
    Replaced(Reply),
}

fn broken() -> Problem {
    Problem::unavailable("A filter of this host failed.")
}

impl Chain {
    /// A response head from the upstream. `end`: no body follows.
    pub fn response_head(&mut self, head: &mut ResponseHeader, end: bool) -> Result<Held, Stop> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Held::No);
        }
        let mut changes_body = false;
        for at in (0..self.reached).rev() {
            match self.head_step(at, head, end)? {
                HeadStep::Replaced(reply) => return Err(self.reply(reply, at)),
                HeadStep::Passed(BodyPlan::Splice) => {}
                HeadStep::Passed(BodyPlan::Chunks) => {
                    changes_body = true;
                    if let Some(step) = self.steps.get_mut(at) {
                        step.response_chunks = true;
                    }
                }
                HeadStep::Passed(BodyPlan::Buffer { bytes_max }) => {
                    let bytes_max = self.hold_bytes_max(bytes_max);
                    self.response.holding = Some(Holding { step: at, bytes_max, body: BytesMut::new() });
                    return Ok(Held::Yes);
                }
            }
        }
        if changes_body {
            edit::forget_length(head).map_err(|_| broken())?;
        }
        Ok(Held::No)
    }

    /// Whether a filter changes response chunks as they pass.
    pub fn sees_response_chunks(&self) -> bool {
        self.steps.iter().any(|step| step.response_chunks)
    }

    /// One chunk of the upstream's body. What comes back goes to the client at once; a held body
    /// gives nothing back. Over a filter's limit: 502.
    pub fn response_chunk(&mut self, mut chunk: Bytes, end: bool) -> Result<Bytes, Stop> {
        for step in self.steps.iter_mut().rev().filter(|step| step.response_chunks) {
            if chunk.is_empty() && !end {
                return Ok(chunk);
            }
            let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_response_chunk(&chunk, end);
            match step.call(Hook::ResponseChunk, call, |_| Outcome::Pass)? {
                None | Some(ChunkDecision::Keep) => {}
                Some(ChunkDecision::Replace(other)) => chunk = other,
                Some(ChunkDecision::Abort) => return Err(Stop::Abort),
            }
        }
        let Some(holding) = &mut self.response.holding else { return Ok(chunk) };
        if holding.body.len() + chunk.len() > holding.bytes_max {
            return Err(Problem::bad_gateway("The response is larger than a filter of this host can hold.").into());
        }
        holding.body.extend_from_slice(&chunk);
        Ok(Bytes::new())
    }

    /// The held body is complete: decides on it and lets head and body through the filters before.
    pub fn response_held_body(&mut self, head: &mut ResponseHeader) -> Result<Bytes, Stop> {
        let Some(holding) = self.response.holding.take() else { return Ok(Bytes::new()) };
        for step in &mut self.steps {
            step.response_chunks = false;
        }
        let body = self.whole(holding.step, head, holding.body.freeze())?;
        self.in_memory(holding.step, head, body)
    }

    /// A response of a filter at `at`, through the filters before it.
    pub(super) fn reply(&mut self, reply: Reply, at: usize) -> Stop {
        let answer = reply_head(&reply).map_err(|_| Stop::from(broken())).and_then(|mut head| {
            let body = self.in_memory(at, &mut head, reply.body)?;
            Ok(Answer::Reply(Box::new(head), body))
        });
        answer.map_or_else(|stop| stop, Stop::Answer)
    }

    /// A response whose body is known through the filters before `at`; sets its length.
    fn in_memory(&mut self, at: usize, head: &mut ResponseHeader, mut body: Bytes) -> Result<Bytes, Stop> {
        for at in (0..at).rev() {
            let end = body.is_empty();
            match self.head_step(at, head, end)? {
                HeadStep::Passed(BodyPlan::Splice) => {}
                HeadStep::Passed(_) if end => {}
                HeadStep::Passed(BodyPlan::Chunks) => body = self.only_chunk(at, body)?,
                HeadStep::Passed(BodyPlan::Buffer { bytes_max }) => {
                    if body.len() > self.hold_bytes_max(bytes_max) {
                        let detail = "The response is larger than a filter of this host can hold.";
                        return Err(Problem::bad_gateway(detail).into());
                    }
                    body = self.whole(at, head, body)?;
                }
                HeadStep::Replaced(reply) => {
                    *head = reply_head(&reply).map_err(|_| broken())?;
                    body = reply.body;
                }
            }
        }
        if !is_bodiless(&Method::GET, head.status) {
            edit::set_length(head, body.len()).map_err(|_| broken())?;
        }
        Ok(body)
    }

    /// `on_response` of one filter, with its edits landed.
    fn head_step(&mut self, at: usize, head: &mut ResponseHeader, end: bool) -> Result<HeadStep, Stop> {
        const ABSENT: HeadStep = HeadStep::Passed(BodyPlan::Splice);
        let Some(step) = self.steps.get_mut(at).filter(|step| step.arm.prepared.plan().response_headers) else {
            return Ok(ABSENT);
        };
        let input = ResponseHeadInput { status: head.status.as_u16(), headers: &head.headers };
        let outcome = |decision: &ResponseDecision| match decision {
            ResponseDecision::Pass(_) => Outcome::Pass,
            ResponseDecision::Replace(_) => Outcome::Reply,
        };
        match step.call(Hook::ResponseHead, |exchange| exchange.on_response(&input, end), outcome)? {
            None => Ok(ABSENT),
            Some(ResponseDecision::Replace(reply)) => Ok(HeadStep::Replaced(reply)),
            Some(ResponseDecision::Pass(edits)) => {
                edit::response_headers(head, edits.headers).map_err(|_| broken())?;
                if let Some(status) = edits.status {
                    edit::status(head, status).map_err(|_| broken())?;
                }
                Ok(HeadStep::Passed(if end { BodyPlan::Splice } else { edits.body }))
            }
        }
    }

    fn only_chunk(&mut self, at: usize, body: Bytes) -> Result<Bytes, Stop> {
        let Some(step) = self.steps.get_mut(at) else { return Ok(body) };
        let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_response_chunk(&body, true);
        match step.call(Hook::ResponseChunk, call, |_| Outcome::Pass)? {
            None | Some(ChunkDecision::Keep) => Ok(body),
            Some(ChunkDecision::Replace(other)) => Ok(other),
            Some(ChunkDecision::Abort) => Err(Stop::Abort),
        }
    }

    fn whole(&mut self, at: usize, head: &mut ResponseHeader, body: Bytes) -> Result<Bytes, Stop> {
        let Some(step) = self.steps.get_mut(at) else { return Ok(body) };
        let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_response_whole(&body);
        match step.call(Hook::ResponseWhole, call, Outcome::of_whole)? {
            None => Ok(body),
            Some(WholeDecision::Reply(reply)) => {
                *head = reply_head(&reply).map_err(|_| broken())?;
                Ok(reply.body)
            }
            Some(WholeDecision::Pass(whole)) => {
                edit::response_headers(head, whole.headers).map_err(|_| broken())?;
                Ok(whole.body.unwrap_or(body))
            }
        }
    }
}

fn reply_head(reply: &Reply) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 2))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    if !is_bodiless(&Method::GET, reply.status) {
        edit::set_length(&mut head, reply.body.len())?;
    }
    Ok(head)
}
