//! Decisions as text: a head line, then one indented line for each edit.

use http::{HeaderName, HeaderValue};
use switchyard_runtime::{
    BodyPlan, ChunkDecision, HeaderEdit, Reply, RequestDecision, RequestEdits, ResponseDecision, ResponseEdits, Whole,
    WholeDecision,
};

pub(crate) fn request(decision: &RequestDecision) -> String {
    match decision {
        RequestDecision::Pass(edits) => request_edits(edits),
        RequestDecision::Reply(answer) => reply("reply", answer),
    }
}

pub(crate) fn response(decision: &ResponseDecision) -> String {
    match decision {
        ResponseDecision::Pass(edits) => response_edits(edits),
        ResponseDecision::Replace(answer) => reply("replace", answer),
    }
}

pub(crate) fn chunk(decision: &ChunkDecision) -> String {
    match decision {
        ChunkDecision::Keep => "keep".into(),
        ChunkDecision::Replace(bytes) => format!("replace {}", text(bytes)),
        ChunkDecision::Abort => "abort".into(),
    }
}

pub(crate) fn whole(decision: &WholeDecision) -> String {
    match decision {
        WholeDecision::Pass(whole) => edited(whole),
        WholeDecision::Reply(answer) => reply("reply", answer),
    }
}

fn edited(whole: &Whole) -> String {
    let body = whole.body.as_ref().map_or_else(|| "keep\n".into(), |body| format!("replace {}\n", text(body)));
    body + &edits(&whole.headers)
}

fn request_edits(edits_: &RequestEdits) -> String {
    let method = edits_.method.as_ref().map(|method| format!("  method {method}\n"));
    let path = edits_.path_and_query.as_ref().map(|path| format!("  path {path}\n"));
    let upstream = edits_.upstream.as_ref().map(|upstream| format!("  upstream {upstream}\n"));
    let rest: String = [method, path, upstream].into_iter().flatten().collect();
    format!("pass{}\n{rest}{}", body(edits_.body), edits(&edits_.headers))
}

fn response_edits(edits_: &ResponseEdits) -> String {
    let status = edits_.status.map(|status| format!("  status {}\n", status.as_u16())).unwrap_or_default();
    format!("pass{}\n{status}{}", body(edits_.body), edits(&edits_.headers))
}

fn body(plan: BodyPlan) -> String {
    match plan {
        BodyPlan::Splice => String::new(),
        BodyPlan::Chunks => ", chunks".into(),
        BodyPlan::Buffer { bytes_max } => format!(", body up to {bytes_max}"),
    }
}

fn reply(word: &str, reply: &Reply) -> String {
    let headers: String = reply.headers.iter().map(|(name, value)| line("", name, value)).collect();
    format!("{word} {}\n{headers}  {}\n", reply.status.as_u16(), text(&reply.body))
}

fn edits(edits: &[HeaderEdit]) -> String {
    let edit = |edit: &HeaderEdit| match edit {
        HeaderEdit::Set(name, value) => line("set ", name, value),
        HeaderEdit::Append(name, value) => line("append ", name, value),
        HeaderEdit::Remove(name) => format!("  remove {name}\n"),
    };
    edits.iter().map(edit).collect()
}

fn line(word: &str, name: &HeaderName, value: &HeaderValue) -> String {
    format!("  {word}{name}: {}\n", text(value.as_bytes()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
