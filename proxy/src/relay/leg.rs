//! The upstream leg: an ordinary exchange of pingora's, from the filtered head, without filters.

use super::Broken;
use super::pump::pump;
use crate::phases::internal;
use crate::request::{Request, authority};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Version};
use pingora::http::RequestHeader;
use pingora::protocols::http::subrequest::server::SubrequestHandle;
use pingora::proxy::subrequest::{BodyMode, Ctx};
use pingora::proxy::{PreparedSubrequest, Session};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

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
pub async fn exchange(session: &mut Session, request: &mut Request, held: Option<Bytes>) -> Result<(), Broken> {
    let learned = Arc::new(OnceLock::new());
    let streams = held.is_none() && !session.is_body_empty();
    let head = leg_head(session, held.as_ref(), streams)?;
    let leg = Leg { head, request: request.leg(), learned: learned.clone() };
    let body_mode = if streams || held.is_some() { BodyMode::ExpectBody } else { BodyMode::NoBody };
    let context = Ctx::builder().body_mode(body_mode).user_ctx(Box::new(Some(leg))).build();
    let (leg, handle) = create_leg(session, context)?;
    let result = {
        let leg = pin!(leg.run());
        pump(session, request, handle, held.filter(|body| !body.is_empty()), streams, leg).await
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
