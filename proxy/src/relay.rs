//! Exchanges whose bodies filters hold: the one place that knows how this is done with pingora.
//!
//! pingora writes a response head before it reads the body, and cannot replay a request body it
//! has read for itself. Both are needed when a filter decides on a whole body. So the request is
//! filtered here, before pingora asks for an upstream; and when a body was held, or a filter may
//! want to see the response body, the upstream leg runs as a pingora subrequest. The leg is an
//! ordinary exchange with retries, timeouts and framing of its own, but without filters; its
//! response arrives here as tasks, which wait, change or pass as the filters decide.
//!
//! Everything else stays on pingora's own path: a chain that only looks at heads, or changes
//! request chunks, pays nothing for this.

use crate::chain::{Held, Seen, Stop};
use crate::phases::{ends_with_head, internal, show_versions};
use crate::request::{Request, authority};
use crate::respond::Problem;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Version};
use pingora::Error;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::subrequest::server::SubrequestHandle;
use pingora::proxy::subrequest::{BodyMode, Ctx};
use pingora::proxy::{PreparedSubrequest, Session};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use switchyard_runtime::BodyPlan;

/// Why a held exchange does not end as hoped.
#[derive(Debug)]
pub enum Broken {
    Stop(Stop),
    Error(Box<Error>),
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}
impl From<Problem> for Broken {
    fn from(problem: Problem) -> Self {
        Self::Stop(problem.into())
    }
}
impl From<Box<Error>> for Broken {
    fn from(error: Box<Error>) -> Self {
        Self::Error(error)
    }
}

/// Lets the request through the filters. True: the response was written as well; false: pingora
/// goes on with the request as it is now.
pub async fn request(session: &mut Session, request: &mut Request) -> Result<bool, Broken> {
    let held = filter_request(session, request).await?;
    let chain = request.chain.as_ref();
    let sees_response = chain.is_some_and(|chain| chain.may_see_response_body()) && !session.is_upgrade_req();
    if held.is_none() && !sees_response {
        return Ok(false);
    }
    exchange(session, request, held).await?;
    Ok(true)
}

/// Every filter's `on_request`, in order; a filter that wants the whole body gets it before the
/// next one is asked. Gives back the body when it was held.
async fn filter_request(session: &mut Session, request: &mut Request) -> Result<Option<Bytes>, Broken> {
    let Request { chain: Some(chain), route: Some(route), upstream, connection, method, .. } = request else {
        return Ok(None);
    };
    let named = authority(session).unwrap_or_default().to_owned();
    let (scheme, client) = connection.as_ref().map_or(("http", "unknown"), |connection| {
        (if connection.tls { "https" } else { "http" }, connection.client_text.to_str().unwrap_or("unknown"))
    });
    let seen = Seen { scheme, authority: &named, client };
    let find = |name: &str| route.upstreams.iter().find(|upstream| upstream.definition.name == name);
    let upgrade = session.is_upgrade_req();
    let mut held: Option<Bytes> = None;
    loop {
        let end = upgrade || held.as_ref().map_or_else(|| session.is_body_empty(), Bytes::is_empty);
        let head = session.req_header_mut();
        let Some(passed) = chain.next_request_head(head, seen, end, |name| find(name).is_some())? else { break };
        if let Some(named) = passed.upstream.as_deref().and_then(find) {
            *upstream = Some(named.clone());
        }
        match (passed.body, held.take()) {
            (BodyPlan::Splice, body) => held = body,
            (BodyPlan::Chunks, None) => {}
            (BodyPlan::Chunks, Some(body)) => held = Some(chain.request_chunk_to_last(body)?),
            (BodyPlan::Buffer { bytes_max }, body) => {
                let bytes_max = chain.hold_bytes_max(bytes_max);
                let body = match body {
                    Some(body) => body,
                    None => read_whole(session, chain, bytes_max).await?,
                };
                if body.len() > bytes_max {
                    return Err(too_large().into());
                }
                held = Some(chain.request_whole(session.req_header_mut(), body)?);
            }
        }
    }
    // Filters may have set another method; responses are framed by the one the client knows.
    debug_assert_eq!(*method == http::Method::HEAD, session.req_header().method == http::Method::HEAD);
    Ok(held)
}

fn too_large() -> Problem {
    Problem::too_large("The request is larger than a filter of this host can hold.")
}

/// Reads the request body to its end, through filters that see it in chunks.
async fn read_whole(session: &mut Session, chain: &mut crate::chain::Chain, bytes_max: usize) -> Result<Bytes, Broken> {
    let length = session.req_header().headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > bytes_max) {
        return Err(too_large().into());
    }
    if session.req_header_mut().remove_header(&EXPECT).is_some() {
        session.write_continue_response().await?;
    }
    let mut body = BytesMut::with_capacity(length.unwrap_or_default());
    loop {
        let read = session.read_request_body().await.map_err(|error| error.into_down())?;
        let (chunk, end) = (read.clone().unwrap_or_default(), read.is_none());
        let chunk = if chain.sees_request_chunks() { chain.request_chunk(chunk, end)? } else { chunk };
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large().into());
        }
        body.extend_from_slice(&chunk);
        if end {
            return Ok(body.freeze());
        }
    }
}

/// What the leg learns of its upstream.
#[derive(Debug, Clone, Copy)]
struct Learned {
    socket: SocketAddr,
    upstream_us: u64,
}

/// What a leg starts from.
struct Leg {
    head: RequestHeader,
    request: Request,
    learned: Arc<OnceLock<Learned>>,
}

/// Sends the request as a leg of its own and the response back through the filters.
async fn exchange(session: &mut Session, request: &mut Request, held: Option<Bytes>) -> Result<(), Broken> {
    let learned = Arc::new(OnceLock::new());
    let streams = held.is_none() && !session.is_body_empty();
    let head = leg_head(session, held.as_ref(), streams)?;
    let leg = Leg { head, request: request.leg(), learned: learned.clone() };
    let body_mode = if streams || held.is_some() { BodyMode::ExpectBody } else { BodyMode::NoBody };
    let context = Ctx::builder().body_mode(body_mode).user_ctx(Box::new(Some(leg))).build();
    let (leg, handle) = create_leg(session, context)?;
    let mut back = WayBack { held: None, ended: false };
    let result = {
        let leg = pin!(leg.run());
        pump(session, request, handle, held.filter(|body| !body.is_empty()), streams, leg, &mut back).await
    };
    if let Some(learned) = learned.get() {
        request.upstream_socket = Some(learned.socket);
        request.upstream_us = learned.upstream_us;
    }
    result
}

/// pingora writes the request head down as HTTP/1 text and parses it again for the leg, which fails
/// for HTTP/2 requests (no `Host`, no such version). The leg's head is replaced in `begin_leg`
/// anyway, so a stand-in takes its place meanwhile.
fn create_leg(session: &mut Session, context: Ctx) -> pingora::Result<(PreparedSubrequest, SubrequestHandle)> {
    let spawner = session.subrequest_spawner.take().ok_or_else(|| internal("no subrequests on this session"))?;
    let mut stand_in = RequestHeader::build("GET", b"/", Some(1))?;
    stand_in.insert_header(HOST, HeaderValue::from_static("leg"))?;
    std::mem::swap(session.req_header_mut(), &mut stand_in);
    let leg = spawner.create_subrequest(session.as_downstream(), context);
    std::mem::swap(session.req_header_mut(), &mut stand_in);
    Ok(leg)
}

impl Request {
    /// The same request as its upstream leg sees it.
    fn leg(&mut self) -> Self {
        let mut leg = Self::new();
        leg.is_leg = true;
        leg.id = self.id;
        leg.method = self.method.clone();
        leg.connection = self.connection.clone();
        leg.upstream = self.upstream.clone();
        leg
    }
}

/// The head as filtered, framed for the body that will be sent with it.
fn leg_head(session: &Session, held: Option<&Bytes>, streams: bool) -> pingora::Result<RequestHeader> {
    let authority = authority(session).map(str::to_owned);
    let mut head = session.req_header().clone();
    head.set_version(Version::HTTP_11);
    if let (false, Some(authority)) = (head.headers.contains_key(HOST), authority) {
        head.insert_header(HOST, authority)?;
    }
    if let Some(path) = head.uri.path_and_query().cloned().filter(|_| head.uri.authority().is_some()) {
        // The authority is in `Host` now.
        head.set_uri(path.into());
    }
    head.remove_header(&TRANSFER_ENCODING);
    match held {
        Some(body) => head.insert_header(CONTENT_LENGTH, HeaderValue::from(body.len()))?,
        None if streams && !head.headers.contains_key(CONTENT_LENGTH) => {
            head.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?;
        }
        None => {}
    }
    Ok(head)
}

/// The first phase of a leg: puts the filtered head in place of the one the client sent.
pub fn begin_leg(session: &mut Session, request: &mut Request) -> pingora::Result<()> {
    let context = session.subrequest_ctx.as_mut().and_then(|context| context.user_ctx_mut());
    let leg = context.and_then(|context| context.downcast_mut::<Option<Leg>>()).and_then(Option::take);
    let leg = leg.ok_or_else(|| internal("a subrequest that is no leg"))?;
    *session.req_header_mut() = leg.head;
    *request = leg.request;
    request.leg_learned = Some(Box::new(move |socket, upstream_us| {
        // Only the first attempt that got an answer can set it, and there is only one.
        let _ = leg.learned.set(Learned { socket, upstream_us });
    }));
    Ok(())
}

/// The response on its way back.
struct WayBack {
    /// A head that waits for its body.
    held: Option<Box<ResponseHeader>>,
    ended: bool,
}

/// Moves tasks both ways until the response has ended and the request body is sent or not wanted.
async fn pump(
    session: &mut Session,
    request: &mut Request,
    handle: SubrequestHandle,
    held: Option<Bytes>,
    streams: bool,
    mut leg: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
    back: &mut WayBack,
) -> Result<(), Broken> {
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
