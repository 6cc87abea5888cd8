//! From what a filter returned to what may land on a message: checked exactly as if it had come
//! from the network. One fault refuses the whole decision.

use crate::abi::native as abi;
use crate::decision::{BodyPlan, ChunkDecision, HeaderEdit, Reply, RequestDecision, RequestEdits, ResponseDecision};
use crate::decision::{ResponseEdits, Whole, WholeDecision};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode};

const EDITS_MAX: usize = 256;
const HEADER_BYTES_MAX: usize = 64 << 10;
const PATH_BYTES_MAX: usize = 16 << 10;
const UPSTREAM_BYTES_MAX: usize = 63;

/// Framing and connection management are the proxy's: a filter that could set them could smuggle.
const OWNED_BY_PROXY: [&str; 10] = [
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

pub(crate) type Validated<T> = Result<T, String>;

pub(crate) fn request_decision(decision: abi::RequestDecision) -> Validated<RequestDecision> {
    Ok(match decision {
        abi::RequestDecision::Reply(reply) => RequestDecision::Reply(self::reply(reply)?),
        abi::RequestDecision::Pass(edits) => RequestDecision::Pass(RequestEdits {
            headers: header_edits(edits.headers)?,
            method: edits.method.map(method).transpose()?,
            path_and_query: edits.path_with_query.map(path_and_query).transpose()?,
            upstream: edits.upstream.map(upstream).transpose()?,
            body: body_plan(edits.body),
        }),
    })
}

pub(crate) fn response_decision(decision: abi::ResponseDecision) -> Validated<ResponseDecision> {
    Ok(match decision {
        abi::ResponseDecision::Replace(reply) => ResponseDecision::Replace(self::reply(reply)?),
        abi::ResponseDecision::Pass(edits) => ResponseDecision::Pass(ResponseEdits {
            status: edits.status.map(final_status).transpose()?,
            headers: header_edits(edits.headers)?,
            body: body_plan(edits.body),
        }),
    })
}

pub(crate) fn chunk_decision(decision: abi::ChunkDecision) -> ChunkDecision {
    match decision {
        abi::ChunkDecision::Keep => ChunkDecision::Keep,
        abi::ChunkDecision::Replace(bytes) => ChunkDecision::Replace(Bytes::from(bytes)),
        abi::ChunkDecision::Abort => ChunkDecision::Abort,
    }
}

pub(crate) fn whole_decision(decision: abi::WholeDecision) -> Validated<WholeDecision> {
    Ok(match decision {
        abi::WholeDecision::Reply(reply) => WholeDecision::Reply(self::reply(reply)?),
        abi::WholeDecision::Pass(whole) => {
            WholeDecision::Pass(Whole { body: whole.body.map(Bytes::from), headers: header_edits(whole.headers)? })
        }
    })
}

fn body_plan(plan: abi::BodyPlan) -> BodyPlan {
    match plan {
        abi::BodyPlan::Splice => BodyPlan::Splice,
        abi::BodyPlan::Chunks => BodyPlan::Chunks,
        abi::BodyPlan::Buffer(bytes_max) => BodyPlan::Buffer { bytes_max },
    }
}

fn header_edits(edits: Vec<abi::Edit>) -> Validated<Vec<HeaderEdit>> {
    if edits.len() > EDITS_MAX {
        return Err(format!("{} header edits, at most {EDITS_MAX} are taken", edits.len()));
    }
    let mut bytes = 0;
    edits.into_iter().map(|edit| header_edit(edit, &mut bytes)).collect()
}

fn header_edit(edit: abi::Edit, bytes: &mut usize) -> Validated<HeaderEdit> {
    Ok(match edit {
        abi::Edit::Set(header) => {
            let (name, value) = self::header(header, bytes)?;
            HeaderEdit::Set(name, value)
        }
        abi::Edit::Append(header) => {
            let (name, value) = self::header(header, bytes)?;
            if name == http::header::HOST {
                return Err("host may be set, not appended to".into());
            }
            HeaderEdit::Append(name, value)
        }
        abi::Edit::Remove(name) => {
            let name = header_name(&name)?;
            if name == http::header::HOST {
                return Err("host may be set, not removed".into());
            }
            HeaderEdit::Remove(name)
        }
    })
}

fn header(header: abi::Header, bytes: &mut usize) -> Validated<(HeaderName, HeaderValue)> {
    *bytes += header.name.len() + header.value.len();
    if *bytes > HEADER_BYTES_MAX {
        return Err(format!("more than {HEADER_BYTES_MAX} bytes of headers"));
    }
    let name = header_name(&header.name)?;
    let host = name == http::header::HOST;
    if host && !header.value.iter().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(b)) {
        return Err("the value of host is not a host".into());
    }
    let value = HeaderValue::from_maybe_shared(Bytes::from(header.value))
        .map_err(|_| format!("the value of {name} holds a byte that HTTP forbids (CR, LF, NUL or another control)"))?;
    Ok((name, value))
}

fn header_name(name: &str) -> Validated<HeaderName> {
    let invalid = || format!("{:?} is not a header name", name.chars().take(80).collect::<String>());
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
    if OWNED_BY_PROXY.contains(&name.as_str()) {
        return Err(format!("the header {name} belongs to the proxy"));
    }
    Ok(name)
}

fn reply(reply: abi::Reply) -> Validated<Reply> {
    let status = final_status(reply.status)?;
    let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    if bodiless && !reply.body.is_empty() {
        return Err(format!("a reply with status {} has no body", status.as_u16()));
    }
    if reply.headers.len() > EDITS_MAX {
        return Err(format!("{} headers in a reply, at most {EDITS_MAX} are taken", reply.headers.len()));
    }
    let mut bytes = 0;
    let headers = reply.headers.into_iter().map(|header| self::header(header, &mut bytes)).collect::<Result<_, _>>()?;
    Ok(Reply { status, headers, body: Bytes::from(reply.body) })
}

/// 1xx would promise another response.
fn final_status(status: u16) -> Validated<StatusCode> {
    let valid = StatusCode::from_u16(status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    valid.ok_or_else(|| format!("{status} is not a final status (200 to 599)"))
}

fn method(method: String) -> Validated<Method> {
    let valid = Method::from_bytes(method.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
    valid.ok_or_else(|| format!("{:?} is not a method a filter may set", method.chars().take(80).collect::<String>()))
}

fn path_and_query(path: String) -> Validated<PathAndQuery> {
    let shown: String = path.chars().take(80).collect();
    let sane = path.starts_with('/') && path.len() <= PATH_BYTES_MAX && !path.contains('#') && path.is_ascii();
    let path = if sane { PathAndQuery::from_maybe_shared(Bytes::from(path)).ok() } else { None };
    path.ok_or_else(|| format!("{shown:?} is not an absolute path with an optional query"))
}

fn upstream(name: String) -> Validated<String> {
    if name.is_empty() || name.len() > UPSTREAM_BYTES_MAX {
        return Err(format!("an upstream's name has 1 to {UPSTREAM_BYTES_MAX} bytes"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &[u8]) -> abi::Edit {
        abi::Edit::Set(abi::Header { name: name.into(), value: value.into() })
    }

    fn pass(headers: Vec<abi::Edit>) -> abi::RequestDecision {
        let body = abi::BodyPlan::Splice;
        abi::RequestDecision::Pass(abi::RequestEdits {
            headers,
            method: None,
            path_with_query: None,
            upstream: None,
            body,
        })
    }

    #[test]
    fn what_http_forbids_refuses_the_whole_decision() {
        let bad_names = [
            "",
            "a b",
            "a:b",
            ":path",
            "a\r\nb",
            "ä",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "upgrade",
            "te",
        ];
        for name in bad_names {
            let decision = pass(vec![set("x-good", b"1"), set(name, b"1")]);
            assert!(request_decision(decision).is_err(), "{name:?}");
        }
        for value in [&b"a\rb"[..], b"a\nb", b"a\0b", b"\x7f", b"a\r\n"] {
            assert!(request_decision(pass(vec![set("x", value)])).is_err(), "{value:?}");
        }
        for value in [&b""[..], b"plain", b"\xff\xfe", b"tab\tinside"] {
            assert!(request_decision(pass(vec![set("x", value)])).is_ok(), "{value:?}");
        }
        assert!(request_decision(pass(vec![set("host", b"a.example:80")])).is_ok());
        for host in [&b"a b"[..], b"a/b", b"a@b", b"a?b"] {
            assert!(request_decision(pass(vec![set("host", host)])).is_err(), "{host:?}");
        }
        assert!(request_decision(pass(vec![abi::Edit::Remove("host".into())])).is_err());
    }

    #[test]
    fn floods_are_refused() {
        assert!(request_decision(pass((0..257).map(|_| set("x", b"1")).collect())).is_err());
        assert!(request_decision(pass(vec![set("x", &vec![b'a'; HEADER_BYTES_MAX])])).is_err());
    }

    #[test]
    fn paths_methods_and_statuses_are_held_to_http() {
        for good in ["/", "/a?b=c", "/%20", "//double"] {
            assert!(path_and_query(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "a", "*", "http://x/", "/a b", "/a\r\nb", "/a#b", "/ä", "/\0"] {
            assert!(path_and_query(bad.into()).is_err(), "{bad:?}");
        }
        for bad in ["", "GET ", "G\r\nT", "CONNECT"] {
            assert!(method(bad.into()).is_err(), "{bad:?}");
        }
        assert!(method("PROPFIND".into()).is_ok());
        for bad in [0, 100, 101, 199, 600, 999, 65_535] {
            assert!(final_status(bad).is_err(), "{bad}");
        }
        let reply_with_body = abi::Reply { status: 204, headers: vec![], body: vec![1] };
        assert!(reply(reply_with_body).is_err());
    }
}
