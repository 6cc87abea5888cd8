//! The request's way through the chain.

use super::{Chain, Seen, Stop, edit};
use crate::metrics::{Hook, Outcome};
use crate::respond::Problem;
use bytes::Bytes;
use pingora::http::RequestHeader;
use switchyard_runtime::{BodyPlan, ChunkDecision, RequestDecision, RequestHeadInput, WholeDecision};

/// What the next filter decided, with its edits landed.
pub struct Passed {
    pub body: BodyPlan,
    /// The upstream it named; the last one named counts.
    pub upstream: Option<String>,
}

impl Chain {
    /// Calls `on_request` of the next filter. `None`: there is none left. `end`: no body follows.
    pub fn next_request_head(
        &mut self,
        head: &mut RequestHeader,
        seen: Seen<'_>,
        end: bool,
        has_upstream: impl Fn(&str) -> bool,
    ) -> Result<Option<Passed>, Stop> {
        let at = self.reached;
        let Some(step) = self.steps.get_mut(at) else { return Ok(None) };
        let input = RequestHeadInput {
            method: head.method.as_str(),
            scheme: seen.scheme,
            authority: seen.authority,
            path_and_query: head.uri.path_and_query().map_or("/", |path| path.as_str()),
            client_address: seen.client,
            headers: &head.headers,
        };
        let outcome = |decision: &RequestDecision| match decision {
            RequestDecision::Pass(_) => Outcome::Pass,
            RequestDecision::Reply(_) => Outcome::Reply,
        };
        let absent = Passed { body: BodyPlan::Splice, upstream: None };
        let decision = step.call(Hook::RequestHead, |exchange| exchange.on_request(&input, end), outcome)?;
        let edits = match decision {
            None => {
                self.reached += 1;
                return Ok(Some(absent));
            }
            Some(RequestDecision::Reply(reply)) => return Err(self.reply(reply, at)),
            Some(RequestDecision::Pass(edits)) => edits,
        };
        if let Some(reason) = edit::refusal(head, &edits, has_upstream) {
            step.invalid(Hook::RequestHead, reason)?;
            self.reached += 1;
            return Ok(Some(absent));
        }
        let passed = Passed { body: if end { BodyPlan::Splice } else { edits.body }, upstream: edits.upstream.clone() };
        edit::request(head, edits).map_err(|_| Problem::unavailable("A filter of this host failed."))?;
        step.request_chunks = passed.body == BodyPlan::Chunks;
        if passed.body == BodyPlan::Splice {
            step.rest();
        }
        self.reached += 1;
        Ok(Some(passed))
    }

    /// Whether a filter already reached sees the request body chunk by chunk.
    pub fn sees_request_chunks(&self) -> bool {
        self.steps.iter().any(|step| step.request_chunks)
    }

    /// One chunk through the filters reached so far. Empty: held back.
    pub fn request_chunk(&mut self, mut chunk: Bytes, end: bool) -> Result<Bytes, Stop> {
        for step in self.steps.iter_mut().filter(|step| step.request_chunks) {
            if chunk.is_empty() && !end {
                return Ok(chunk);
            }
            let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_request_chunk(&chunk, end);
            match step.call(Hook::RequestChunk, call, |_| Outcome::Pass)? {
                None | Some(ChunkDecision::Keep) => {}
                Some(ChunkDecision::Replace(other)) => chunk = other,
                Some(ChunkDecision::Abort) => return Err(Stop::Abort),
            }
        }
        Ok(chunk)
    }

    /// A whole body to the filter reached last, when it asked for chunks: it gets one chunk.
    pub fn request_chunk_to_last(&mut self, body: Bytes) -> Result<Bytes, Stop> {
        let Some(step) = self.reached.checked_sub(1).and_then(|at| self.steps.get_mut(at)) else { return Ok(body) };
        step.request_chunks = false;
        let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_request_chunk(&body, true);
        match step.call(Hook::RequestChunk, call, |_| Outcome::Pass)? {
            None | Some(ChunkDecision::Keep) => Ok(body),
            Some(ChunkDecision::Replace(other)) => Ok(other),
            Some(ChunkDecision::Abort) => Err(Stop::Abort),
        }
    }

    /// Most bytes the filter reached last may hold of the body it asked for.
    pub fn hold_bytes_max(&self, asked: u32) -> usize {
        usize::try_from(asked).unwrap_or(usize::MAX).min(self.buffered_bytes_max)
    }

    /// The whole body to the filter reached last.
    pub fn request_whole(&mut self, head: &mut RequestHeader, body: Bytes) -> Result<Bytes, Stop> {
        for step in &mut self.steps {
            // What came before the body was held is over.
            step.request_chunks = false;
        }
        let Some(at) = self.reached.checked_sub(1) else { return Ok(body) };
        let Some(step) = self.steps.get_mut(at) else { return Ok(body) };
        let call = |exchange: &mut switchyard_runtime::Exchange| exchange.on_request_whole(&body);
        let whole = match step.call(Hook::RequestWhole, call, Outcome::of_whole)? {
            None => return Ok(body),
            Some(WholeDecision::Reply(reply)) => return Err(self.reply(reply, at)),
            Some(WholeDecision::Pass(whole)) => whole,
        };
        edit::request_headers(head, whole.headers)
            .map_err(|_| Problem::unavailable("A filter of this host failed."))?;
        Ok(whole.body.unwrap_or(body))
    }
}
