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

mod leg;
mod pump;

pub use leg::begin_leg;

use crate::chain::{Chain, Seen, Stop};
use crate::request::{Request, authority};
use crate::respond::Problem;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use pingora::Error;
use pingora::proxy::Session;
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
    leg::exchange(session, request, held).await?;
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
async fn read_whole(session: &mut Session, chain: &mut Chain, bytes_max: usize) -> Result<Bytes, Broken> {
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
