//! Filters that look at heads.

use crate::{HOST, component, filter, reused};
use insta::assert_snapshot;

#[test]
fn headers_are_rewritten_as_configured() {
    let config = r#"{
        "request": { "remove": ["Cookie"], "set": { "X-Tenant": "acme" }, "append": [["via", "a"], ["via", "b"]] },
        "response": { "remove": ["server"] }, "version_header": "x-version" }"#;
    let mut exchange = filter("headers", config).exchange();
    assert_snapshot!(exchange.request(&[]).unwrap(), @r"
    pass
      remove cookie
      set x-tenant: acme
      append via: a
      append via: b
    ");
    assert_snapshot!(exchange.response(200, &[]).unwrap(), @r"
    pass
      remove server
      set x-version: 1.0.0
    ");
}

#[test]
fn a_version_says_which_it_is() {
    let version = "1.1.0".parse().expect("a version");
    let component = switchyard_filter_build::example_version("headers", &version).expect("builds");
    let filter = HOST.filter(&component, r#"{ "version_header": "x-version" }"#).expect("serves");
    let mut exchange = filter.exchange();
    exchange.request(&[]).unwrap();
    assert_snapshot!(exchange.response(200, &[]).unwrap(), @r"
    pass
      set x-version: 1.1.0
    ");
}

#[test]
fn a_key_opens_and_nothing_else_does() {
    let filter = filter("api-key", r#"{ "keys": { "alice": "s3cr3t-alice", "bob": "s3cr3t-bob" } }"#);
    assert_snapshot!(filter.exchange().request(&[("x-api-key", "s3cr3t-bob"), ("x-caller", "alice")]).unwrap(), @r"
    pass
      remove x-api-key
      set x-caller: bob
    ");
    assert_snapshot!(filter.exchange().request(&[]).unwrap(), @r#"
    reply 401
      www-authenticate: ApiKey realm="switchyard"
      content-type: application/json
      {"error":"unauthorized","message":"no API key was sent"}
    "#);
    for wrong in ["", "s3cr3t", "s3cr3t-bobb", "S3CR3T-BOB"] {
        let decision = filter.exchange().request(&[("x-api-key", wrong)]).unwrap();
        assert!(decision.starts_with("reply 401"), "{wrong}: {decision}");
    }
    assert!(!filter.plan().response_headers);
}

#[test]
fn every_request_has_an_id_that_its_response_repeats() {
    let filter = filter("request-id", "{}");
    let id_of = |decision: &str| decision.trim().rsplit(' ').next().map(str::to_owned).unwrap_or_default();
    let mut ids = Vec::new();
    for incoming in ["", "a b", "<script>"] {
        let mut exchange = filter.exchange();
        let given = id_of(&exchange.request(&[("x-request-id", incoming)]).unwrap());
        assert_eq!(given, id_of(&exchange.response(200, &[]).unwrap()));
        assert_eq!((given.len(), given.as_bytes()[14]), (36, b'7'), "{given}");
        ids.push(given);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    let kept = filter.exchange().request(&[("x-request-id", "mine-1")]).unwrap();
    assert_eq!(id_of(&kept), "mine-1");
}

#[test]
fn state_is_of_one_exchange_even_in_one_instance() {
    let filter = reused("request-id", "{}");
    let (mut one, mut two) = (filter.exchange(), filter.exchange());
    one.request(&[("x-request-id", "one")]).unwrap();
    two.request(&[("x-request-id", "two")]).unwrap();
    assert_snapshot!(one.response(200, &[]).unwrap(), @r"
    pass
      set x-request-id: one
    ");
    drop(one);
    let mut three = filter.exchange();
    three.request(&[("x-request-id", "three")]).unwrap();
    assert_snapshot!(two.response(200, &[]).unwrap(), @r"
    pass
      set x-request-id: two
    ");
}

#[test]
fn the_measured_work_is_done() {
    let filter = filter("bench", "{}");
    let mut exchange = filter.exchange();
    assert_snapshot!(exchange.request(&[("x-tenant", "acme-corp")]).unwrap(), @r"
    pass
      set x-filter: hit
    ");
    assert_snapshot!(exchange.response(200, &[]).unwrap(), @r"
    pass
      set x-filtered: yes
    ");
    assert_snapshot!(filter.exchange().request(&[]).unwrap(), @r"
    pass
      set x-filter: mis
    ");
}

#[test]
fn a_filter_in_c_speaks_the_same_contract() {
    let filter = match switchyard_filter_build::example("c-headers") {
        // Without clang there is nothing to run; that the error says so is tested where it is built.
        Err(switchyard_filter_build::BuildError::Toolchain(_)) => return,
        built => HOST.filter(&built.expect("builds"), r#""hello""#).expect("serves"),
    };
    let mut exchange = filter.exchange();
    assert_snapshot!(exchange.request(&[]).unwrap(), @r"
    pass
      set x-c-filter: hello
      remove cookie
    ");
    assert_snapshot!(exchange.response(200, &[]).unwrap(), @r"
    pass
      set x-c-filter: hello
      set x-c-version: 1.0.0
    ");
    assert_snapshot!(filter.exchange().request(&[("x-block", "1")]).unwrap(), @r#"
    reply 403
      content-type: application/json
      {"error":"blocked"}
    "#);
    let Err(refused) = HOST.filter(&component("c-headers"), "{}") else { panic!("it takes an object") };
    assert!(format!("{refused:?}").contains("must be a JSON string"), "{refused:?}");
}
