//! The filter of filters-sdk/examples/bench, for Envoy: read `x-tenant`, compare it, set one header on the request and one
//! on the response.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Bench));
}}

struct Bench;

impl Context for Bench {}

impl HttpContext for Bench {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let hit = self.get_http_request_header("x-tenant").is_some_and(|tenant| tenant == "acme-corp");
        self.set_http_request_header("x-filter", Some(if hit { "hit" } else { "mis" }));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header("x-filtered", Some("yes"));
        Action::Continue
    }
}
