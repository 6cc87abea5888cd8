//! What a filter decides lands as it said, or not at all.

use crate::guest::Guest;
use crate::host::{begin, headers, host, request};
use switchyard_runtime::{BodyPlan, Fault, HeaderEdit, HookError, RequestDecision};

/// `result<request-decision, error>` at 2048 with one `set` edit whose header lies at 3000; `name`
/// and `value` are data at 4000 and 5000.
fn setting(name: &str, value: &str) -> Guest {
    let body = format!(
        "(i32.store (i32.const 2056) (i32.const 3000)) (i32.store (i32.const 2060) (i32.const 1))
         (i32.store (i32.const 3004) (i32.const 4000)) (i32.store (i32.const 3008) (i32.const {}))
         (i32.store (i32.const 3012) (i32.const 5000)) (i32.store (i32.const 3016) (i32.const {}))
         i32.const 2048",
        name.len(),
        value.len()
    );
    let data = |at: u32, text: &str| {
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {at}) \"{bytes}\")")
    };
    Guest::default().item(&data(4000, name)).item(&data(5000, value)).hook("on-request", &body)
}

#[test]
fn an_edit_lands() {
    let host = host();
    let prepared = host.ready(&setting("x-filter", "hit").build());
    let decision = begin(&prepared).on_request(&request(&headers(&[])), true);
    let Ok(RequestDecision::Pass(edits)) = decision else { panic!("{decision:?}") };
    assert_eq!(edits.body, BodyPlan::Splice);
    let expected = HeaderEdit::Set("x-filter".parse().unwrap(), "hit".parse().unwrap());
    assert_eq!(edits.headers, [expected]);
}

#[test]
fn an_edit_that_http_forbids_is_a_fault() {
    let host = host();
    for (name, value) in [("x", "a\r\nb"), ("content-length", "0"), ("a b", "1"), (":path", "/"), ("x", "\0")] {
        let prepared = host.ready(&setting(name, value).build());
        let decision = begin(&prepared).on_request(&request(&headers(&[])), true);
        assert!(matches!(decision, Err(HookError::Fault(Fault::InvalidDecision { .. }))), "{name}: {decision:?}");
    }
}

#[test]
fn a_rejection_is_the_clients_and_a_fault_the_policys() {
    let host = host();
    // `err(reject(""))`: byte 0 is 1; the payload begins at 8, its discriminant there.
    let reject = "(i32.store8 (i32.const 2048) (i32.const 1)) i32.const 2048";
    let prepared = host.ready(&Guest::default().hook("on-request", reject).build());
    let decision = begin(&prepared).on_request(&request(&headers(&[])), true);
    assert!(matches!(decision, Err(HookError::Reject(_))), "{decision:?}");
    let fault = "(i32.store8 (i32.const 2048) (i32.const 1))
        (i32.store8 (i32.const 2052) (i32.const 1)) i32.const 2048";
    let prepared = host.ready(&Guest::default().hook("on-request", fault).build());
    let decision = begin(&prepared).on_request(&request(&headers(&[])), true);
    assert!(matches!(decision, Err(HookError::Fault(Fault::Failed { .. }))), "{decision:?}");
}
