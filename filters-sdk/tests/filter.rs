//! The guest crate on the host: heads, edits, configuration, errors, and a filter through the
//! contract's own exports.

use switchyard_filter::macro_support::Component;
use switchyard_filter::macro_support::bindings::handler::Guest;
use switchyard_filter::macro_support::bindings::types::{self, Phase, Wanted};
use switchyard_filter::prelude::*;
use switchyard_filter::{Configuration, HeaderNames, NoConfig};

#[config]
#[derive(PartialEq)]
struct Config {
    header: String,
    #[serde(default)]
    times: Option<u8>,
}

struct Count {
    config: &'static Config,
    seen: u8,
}

#[filter(request_line, request_headers("X-B", "x-a", "x-a"), response_headers(all))]
impl Filter for Count {
    type Config = Config;

    fn new(config: &'static Config) -> Self {
        Self { config, seen: 0 }
    }

    fn plan(config: &Config, plan: &mut Plan) {
        plan.request_headers.add(&config.header);
        plan.request_headers.add("X-A");
    }

    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        self.seen += 1;
        let value = request.header("x-a").ok_or_else(|| Reply::new(401).text("no"))?;
        let number: u8 = core::str::from_utf8(value)?.parse().or_reject("x-a")?;
        Ok(request.pass().set("X-Seen", number.to_string()).read_chunks())
    }

    fn on_request_chunk(&mut self, chunk: &[u8], end: bool) -> Result<Chunk, Failure> {
        self.seen += 1;
        Ok(if end { Chunk::Keep } else { Chunk::Replace(chunk.to_ascii_uppercase()) })
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        Ok(response.pass().set(&self.config.header, self.seen.to_string()))
    }

    fn validate(config: &Config) -> Result<(), String> {
        if config.header.is_empty() { Err("header: empty".into()) } else { Ok(()) }
    }
}

type Exports = Component<Count>;

fn head(value: &[u8]) -> types::RequestHead {
    types::RequestHead { line: None, headers: vec![Header { name: "x-a".into(), value: value.into() }] }
}

#[test]
fn configure_plans_and_prepares_what_start_takes() {
    let configured = Exports::configure(r#"{"header":"X-Out"}"#.into()).expect("good");
    let Wanted::Named(names) = configured.plan.request_headers else { panic!("named") };
    assert_eq!(names, ["x-a", "x-b", "x-out"]);
    assert!(configured.plan.request_line && matches!(configured.plan.response_headers, Wanted::All));
    assert_eq!(configured.plan.phases, [Phase::RequestBody, Phase::ResponseHeaders]);
    let config = Config { header: "X-Out".into(), times: None };
    assert_eq!(Config::decode(&configured.prepared), Ok(config));
    for (bad, why) in
        [("{", "EOF"), (r#"{"header":""}"#, "header: empty"), (r#"{"header":"a","x":1}"#, "unknown field")]
    {
        let error = Exports::configure(bad.into()).expect_err(bad);
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn an_instance_that_was_not_started_faults_and_does_not_panic() {
    assert!(matches!(Exports::on_request(1, head(b"1"), true), Err(types::Error::Fault(_))));
    assert!(Exports::on_response(1, types::ResponseHead { status: 200, headers: vec![] }, true).is_err());
    assert!(Exports::health().is_err());
    Exports::start(vec![0xff; 3]);
    assert!(matches!(Exports::on_request(1, head(b"1"), true), Err(types::Error::Fault(_))));
    Exports::close(7);
}

#[test]
fn exchanges_have_their_own_state() {
    Exports::start(Config { header: "x-out".into(), times: None }.encode().expect("portable"));
    for exchange in [1, 2, 3] {
        assert!(matches!(Exports::on_request(exchange, head(b"7"), false), Ok(types::RequestDecision::Pass(_))));
    }
    assert!(
        matches!(Exports::on_request_chunk(2, b"a".into(), false), Ok(types::ChunkDecision::Replace(b)) if b == b"A")
    );
    Exports::close(1);
    let seen =
        |exchange| match Exports::on_response(exchange, types::ResponseHead { status: 200, headers: vec![] }, true) {
            Ok(types::ResponseDecision::Pass(edits)) => format!("{:?}", edits.headers),
            other => format!("{other:?}"),
        };
    assert!(seen(2).contains("[50]") && seen(3).contains("[49]"), "{} {}", seen(2), seen(3));
    assert!(seen(1).contains("no such exchange"), "{}", seen(1));
}

#[test]
fn errors_say_whose_fault_it_is() {
    Exports::start(Config { header: "x-out".into(), times: None }.encode().expect("portable"));
    let none = types::RequestHead { line: None, headers: vec![] };
    assert!(
        matches!(Exports::on_request(1, none, true), Ok(types::RequestDecision::Reply(reply)) if reply.status == 401)
    );
    assert!(
        matches!(Exports::on_request(1, head(b"x"), true), Err(types::Error::Reject(text)) if text.starts_with("x-a: "))
    );
    assert!(matches!(Exports::on_request(1, head(b"\xff"), true), Err(types::Error::Fault(_))));
}

#[test]
fn hooks_nobody_wrote_pass_everything() {
    assert!(matches!(Exports::on_response_chunk(9, vec![1], true), Ok(types::ChunkDecision::Keep)));
    let whole = Exports::on_response_whole(9, vec![1]);
    assert!(matches!(whole, Ok(types::WholeDecision::Pass(types::Whole { body: None, .. }))));
    Exports::on_trailers(9, vec![]);
}

#[test]
fn headers_are_found_in_any_case_and_order_is_kept() {
    let headers: Headers = [("a", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
    assert_eq!((headers.get("A"), headers.text("b"), headers.get("c")), (Some(&b"1"[..]), Some("2"), None));
    assert_eq!(headers.get_all("a").collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!((headers.len(), headers.contains("B"), headers.is_empty()), (3, true, false));
}

#[test]
fn a_configuration_that_cannot_be_carried_is_refused_at_once() {
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
    }
    let error = Untagged::Number(1).encode().expect_err("not portable");
    assert!(error.contains("untagged"), "{error}");
}

#[test]
fn no_configuration_is_null_or_empty() {
    for nothing in ["", "{}", "null", " { } \n"] {
        assert_eq!(NoConfig::parse(nothing), Ok(NoConfig), "{nothing:?}");
    }
    for something in ["{", "}", "nul", "nulll", "{}{", "[]", "0", "{\"a\":1}"] {
        assert!(NoConfig::parse(something).is_err(), "{something:?}");
    }
}

#[test]
fn all_headers_need_no_names() {
    let mut names = HeaderNames::All;
    names.add("x");
    assert!(matches!(names.into(), Wanted::All));
    assert!(matches!(HeaderNames::Named(vec![]).into(), Wanted::Nothing));
}
