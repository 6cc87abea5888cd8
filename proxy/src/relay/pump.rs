//! Moves request and response between the client and the leg, through the filters.

use super::Broken;
use crate::chain::Held;
use crate::phases::internal;
use crate::request::Request;
use crate::respond::{ends_with_head, show_versions};
use bytes::Bytes;
use pingora::Error;
use pingora::http::ResponseHeader;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::subrequest::server::SubrequestHandle;
use pingora::proxy::Session;
use std::pin::Pin;

/// The response on its way back.
struct WayBack {
    /// A head that waits for its body.
    held: Option<Box<ResponseHeader>>,
    ended: bool,
}

/// Moves tasks both ways until the response has ended and the request body is sent or not wanted.
pub async fn pump(
    session: &mut Session,
    request: &mut Request,
    handle: SubrequestHandle,
    held: Option<Bytes>,
    streams: bool,
    mut leg: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Result<(), Broken> {
    let mut back = WayBack { held: None, ended: false };
    let SubrequestHandle { tx, mut rx, subreq_proxy_error: mut failed, .. } = handle;
    let mut request_done = !streams;
    let mut outgoing = held.map(|body| HttpTask::Body(Some(body), true));
    let mut leg_done = false;
    while !back.ended || !(request_done || leg_done) {
        tokio::select! {
            task = rx.recv(), if !back.ended => match task {
                Some(task) => back.task(session, request, task).await?,
                // The error, if there was one, says more than the closed channel.
                None => return Err(failed.try_recv().unwrap_or_else(|_| broken_off()).into()),
            },
            permit = tx.reserve(), if outgoing.is_some() => match (permit, outgoing.take()) {
                (Ok(permit), Some(task)) => permit.send(task),
                // The leg wants no more of the body.
                _ => request_done = true,
            },
            body = session.downstream_session.read_body_or_idle(request_done), if outgoing.is_none() => {
                let body = body.map_err(|error| error.into_down())?;
                let end = body.is_none() || session.is_body_done();
                outgoing = chunk_out(request, body.unwrap_or_default(), end)?;
                request_done |= end;
            },
            () = &mut leg, if !leg_done => leg_done = true,
        }
    }
    Ok(())
}

fn broken_off() -> Box<Error> {
    let mut error = Error::new(pingora::ErrorType::ConnectionClosed);
    error.as_up();
    error
}

/// A chunk of the request through the filters that see it.
fn chunk_out(request: &mut Request, chunk: Bytes, end: bool) -> Result<Option<HttpTask>, Broken> {
    let chunk = match &mut request.chain {
        Some(chain) if chain.sees_request_chunks() => chain.request_chunk(chunk, end)?,
        _ => chunk,
    };
    Ok((end || !chunk.is_empty()).then_some(HttpTask::Body(Some(chunk), end)))
}

impl WayBack {
    async fn task(&mut self, session: &mut Session, request: &mut Request, task: HttpTask) -> Result<(), Broken> {
        match task {
            HttpTask::Header(head, _) if head.status.is_informational() => {
                self.write(session, vec![HttpTask::Header(head, false)]).await
            }
            HttpTask::Header(head, end) => self.head(session, request, head, end).await,
            HttpTask::Body(chunk, end) => self.body(session, request, chunk.unwrap_or_default(), end, None).await,
            HttpTask::Trailer(trailers) => {
                self.body(session, request, Bytes::new(), true, Some(HttpTask::Trailer(trailers))).await
            }
            HttpTask::Done => self.body(session, request, Bytes::new(), true, None).await,
            HttpTask::Failed(error) => Err(error.into()),
            HttpTask::UpgradedBody(..) => Err(internal("an upgrade in a leg that asked for none").into()),
        }
    }

    async fn head(
        &mut self,
        session: &mut Session,
        request: &mut Request,
        mut head: Box<ResponseHeader>,
        end: bool,
    ) -> Result<(), Broken> {
        let end = end || ends_with_head(&request.method, &head);
        let Some(chain) = &mut request.chain else { return Err(internal("a leg without filters").into()) };
        if chain.response_head(&mut head, end)? == Held::Yes {
            self.held = Some(head);
            return Ok(());
        }
        show_versions(&mut head, request)?;
        self.ended = end;
        self.write(session, vec![HttpTask::Header(head, end)]).await
    }

    /// `last`: what ends the response instead of its last chunk.
    async fn body(
        &mut self,
        session: &mut Session,
        request: &mut Request,
        chunk: Bytes,
        end: bool,
        last: Option<HttpTask>,
    ) -> Result<(), Broken> {
        if self.ended {
            return Ok(());
        }
        let Some(chain) = &mut request.chain else { return Err(internal("a leg without filters").into()) };
        let mut chunk = chain.response_chunk(chunk, end)?;
        let mut tasks = Vec::with_capacity(3);
        if self.held.is_some() && !end {
            return Ok(());
        }
        if let Some(mut head) = self.held.take() {
            chunk = chain.response_held_body(&mut head)?;
            show_versions(&mut head, request)?;
            tasks.push(HttpTask::Header(head, false));
        }
        self.ended = end;
        match last {
            Some(last) => tasks.extend([HttpTask::Body(Some(chunk), false), last]),
            None if end || !chunk.is_empty() => tasks.push(HttpTask::Body(Some(chunk), end)),
            None => return Ok(()),
        }
        self.write(session, tasks).await
    }

    async fn write(&self, session: &mut Session, tasks: Vec<HttpTask>) -> Result<(), Broken> {
        session.write_response_tasks(tasks).await?;
        Ok(())
    }
}
