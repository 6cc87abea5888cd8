//! The work of design/performance.md, for comparing proxies: read `x-tenant`, compare it, set one
//! header on the request and one on the response. Imports nothing.

use switchyard_filter::prelude::*;

#[derive(Default)]
struct Bench;

#[filter(request_headers("x-tenant"))]
impl Filter for Bench {
    fn on_request(&mut self, request: &RequestHead) -> Result<RequestEdits> {
        let hit = request.header("x-tenant") == Some(b"acme-corp");
        Ok(request.pass().set("x-filter", if hit { "hit" } else { "mis" }))
    }

    fn on_response(&mut self, response: &ResponseHead) -> Result<ResponseEdits> {
        Ok(response.pass().set("x-filtered", "yes"))
    }
}
