//! The contract's exports, with one difference from what `wit-bindgen` would export: what a call
//! returned is freed when the next call begins, not by a second call of the host after each. An
//! instance that is thrown away after its exchange never pays for it, and the host has nine
//! functions fewer to look up whenever an instance starts (about a tenth of its cost).

#![expect(unsafe_code, reason = "raw exports of the canonical ABI")]

use core::cell::Cell;

type Free = unsafe fn(*mut u8);

/// The result the host has read by the time it calls again.
struct Returned(Cell<Option<(Free, *mut u8)>>);

// SAFETY: a component instance runs on one thread.
unsafe impl Sync for Returned {}

static RETURNED: Returned = Returned(Cell::new(None));

/// At the start of every export.
#[doc(hidden)]
pub fn free_returned() {
    if let Some((free, result)) = RETURNED.0.take() {
        // SAFETY: `result` came from the export that `free` belongs to, and is freed once: it was taken.
        unsafe { free(result) }
    }
}

/// At the end of an export whose result may own memory.
#[doc(hidden)]
pub fn returned(result: *mut u8, free: Free) -> *mut u8 {
    RETURNED.0.set(Some((free, result)));
    result
}

/// Exports the hooks of a `handler::Guest`.
#[doc(hidden)]
#[macro_export]
macro_rules! export_hooks {
    ($filter:ty) => {
        const _: () = {
            use $crate::macro_support::{bindings::handler, exports};
            $crate::export_hooks! { @returns $filter;
                "configure", configure, _export_configure_cabi, __post_return_configure, (config: *mut u8, config_len: usize);
                "health", health, _export_health_cabi, __post_return_health, ();
                "on-request", on_request, _export_on_request_cabi, __post_return_on_request,
                    (exchange: i64, line: i32, method: *mut u8, method_len: usize, scheme: *mut u8, scheme_len: usize,
                     authority: *mut u8, authority_len: usize, path: *mut u8, path_len: usize,
                     client: *mut u8, client_len: usize, headers: *mut u8, headers_len: usize, end: i32);
                "on-request-chunk", on_request_chunk, _export_on_request_chunk_cabi, __post_return_on_request_chunk,
                    (exchange: i64, chunk: *mut u8, chunk_len: usize, end: i32);
                "on-request-whole", on_request_whole, _export_on_request_whole_cabi, __post_return_on_request_whole,
                    (exchange: i64, body: *mut u8, body_len: usize);
                "on-response", on_response, _export_on_response_cabi, __post_return_on_response,
                    (exchange: i64, status: i32, headers: *mut u8, headers_len: usize, end: i32);
                "on-response-chunk", on_response_chunk, _export_on_response_chunk_cabi, __post_return_on_response_chunk,
                    (exchange: i64, chunk: *mut u8, chunk_len: usize, end: i32);
                "on-response-whole", on_response_whole, _export_on_response_whole_cabi, __post_return_on_response_whole,
                    (exchange: i64, body: *mut u8, body_len: usize);
            }
            $crate::export_hooks! { @unit $filter;
                "start", start, _export_start_cabi, (prepared: *mut u8, prepared_len: usize);
                "on-trailers", on_trailers, _export_on_trailers_cabi, (exchange: i64, trailers: *mut u8, trailers_len: usize);
                "on-finished", on_finished, _export_on_finished_cabi,
                    (exchange: i64, status: i32, request_bytes: i64, response_bytes: i64, duration_us: i64, upstream_us: i64);
                "close", close, _export_close_cabi, (exchange: i64);
            }
        };
    };
    (@returns $filter:ty; $($wit:literal, $name:ident, $export:ident, $free:ident, ($($param:ident: $type:ty),*);)*) => {$(
        #[unsafe(export_name = concat!("switchyard:filter/handler@0.1.0#", $wit))]
        unsafe extern "C" fn $name($($param: $type),*) -> *mut u8 {
            exports::free_returned();
            // SAFETY: the host calls with what the canonical ABI lowered for this export.
            exports::returned(unsafe { handler::$export::<$filter>($($param),*) }, handler::$free::<$filter>)
        }
    )*};
    (@unit $filter:ty; $($wit:literal, $name:ident, $export:ident, ($($param:ident: $type:ty),*);)*) => {$(
        #[unsafe(export_name = concat!("switchyard:filter/handler@0.1.0#", $wit))]
        unsafe extern "C" fn $name($($param: $type),*) {
            exports::free_returned();
            // SAFETY: as above.
            unsafe { handler::$export::<$filter>($($param),*) }
        }
    )*};
}
