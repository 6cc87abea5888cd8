//! `switchyard:filter/handler@0.1.0` in Rust: the shapes of the WIT types, and the hooks of an
//! instance. Written by hand rather than generated so that inputs are borrowed, only the hooks an
//! exchange uses are looked up, and their types are checked once per module.

use crate::host::{HostState, interface_name};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, ComponentType, Instance, Lift, Lower, TypedFunc,
};
use wasmtime::{AsContextMut, Store};

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct HeaderIn<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a [u8],
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a str,
    pub(crate) scheme: &'a str,
    pub(crate) authority: &'a str,
    #[component(name = "path-with-query")]
    pub(crate) path_with_query: &'a str,
    #[component(name = "client-address")]
    pub(crate) client_address: &'a str,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct RequestHead<'a> {
    pub(crate) line: Option<RequestLine<'a>>,
    pub(crate) headers: &'a [HeaderIn<'a>],
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a [HeaderIn<'a>],
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: Vec<u8>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum Edit {
    #[component(name = "set")]
    Set(Header),
    #[component(name = "append")]
    Append(Header),
    #[component(name = "remove")]
    Remove(String),
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum BodyPlan {
    #[component(name = "splice")]
    Splice,
    #[component(name = "chunks")]
    Chunks,
    #[component(name = "buffer")]
    Buffer(u32),
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Vec<u8>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct RequestEdits {
    pub(crate) headers: Vec<Edit>,
    pub(crate) method: Option<String>,
    #[component(name = "path-with-query")]
    pub(crate) path_with_query: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) body: BodyPlan,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct ResponseEdits {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<Edit>,
    pub(crate) body: BodyPlan,
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum RequestDecision {
    #[component(name = "pass")]
    Pass(RequestEdits),
    #[component(name = "reply")]
    Reply(Reply),
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum ResponseDecision {
    #[component(name = "pass")]
    Pass(ResponseEdits),
    #[component(name = "replace")]
    Replace(Reply),
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum ChunkDecision {
    #[component(name = "keep")]
    Keep,
    #[component(name = "replace")]
    Replace(Vec<u8>),
    #[component(name = "abort")]
    Abort,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Whole {
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) headers: Vec<Edit>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum WholeDecision {
    #[component(name = "pass")]
    Pass(Whole),
    #[component(name = "reply")]
    Reply(Reply),
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum Error {
    #[component(name = "reject")]
    Reject(String),
    #[component(name = "fault")]
    Fault(String),
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum Wanted {
    #[component(name = "nothing")]
    Nothing,
    #[component(name = "named")]
    Named(Vec<String>),
    #[component(name = "all")]
    All,
}

#[derive(ComponentType, Lift, Debug, Clone, Copy, PartialEq, Eq)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum Phase {
    #[component(name = "request-body")]
    RequestBody,
    #[component(name = "response-headers")]
    ResponseHeaders,
    #[component(name = "response-body")]
    ResponseBody,
    #[component(name = "trailers")]
    Trailers,
    #[component(name = "finished")]
    Finished,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Plan {
    #[component(name = "request-line")]
    pub(crate) request_line: bool,
    #[component(name = "request-headers")]
    pub(crate) request_headers: Wanted,
    #[component(name = "response-headers")]
    pub(crate) response_headers: Wanted,
    pub(crate) phases: Vec<Phase>,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Configured {
    pub(crate) plan: Plan,
    pub(crate) prepared: Vec<u8>,
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct Finished {
    pub(crate) status: u16,
    #[component(name = "request-bytes")]
    pub(crate) request_bytes: u64,
    #[component(name = "response-bytes")]
    pub(crate) response_bytes: u64,
    #[component(name = "duration-us")]
    pub(crate) duration_us: u64,
    #[component(name = "upstream-us")]
    pub(crate) upstream_us: u64,
}

/// Parameters and results of the exports, in the order of the WIT.
type Configure<'a> = TypedFunc<(&'a str,), (Result<Configured, String>,)>;
type Health = TypedFunc<(), (Result<(), String>,)>;
type Start<'a> = TypedFunc<(&'a [u8],), ()>;
type OnRequest<'a> = TypedFunc<(u64, RequestHead<'a>, bool), (Result<RequestDecision, Error>,)>;
type OnResponse<'a> = TypedFunc<(u64, ResponseHead<'a>, bool), (Result<ResponseDecision, Error>,)>;
type OnChunk<'a> = TypedFunc<(u64, &'a [u8], bool), (Result<ChunkDecision, Error>,)>;
type OnWhole<'a> = TypedFunc<(u64, &'a [u8]), (Result<WholeDecision, Error>,)>;
type OnTrailers<'a> = TypedFunc<(u64, &'a [HeaderIn<'a>]), ()>;
type OnFinished = TypedFunc<(u64, Finished), ()>;
type Close = TypedFunc<(u64,), ()>;

/// Where a component keeps its hooks. Found once per module.
#[derive(Clone, Copy)]
pub(crate) struct Hooks {
    pub(crate) configure: ComponentExportIndex,
    pub(crate) health: ComponentExportIndex,
    pub(crate) start: ComponentExportIndex,
    pub(crate) on_request: ComponentExportIndex,
    pub(crate) on_request_chunk: ComponentExportIndex,
    pub(crate) on_request_whole: ComponentExportIndex,
    pub(crate) on_response: ComponentExportIndex,
    pub(crate) on_response_chunk: ComponentExportIndex,
    pub(crate) on_response_whole: ComponentExportIndex,
    on_trailers: ComponentExportIndex,
    on_finished: ComponentExportIndex,
    pub(crate) close: ComponentExportIndex,
}

impl Hooks {
    /// Errors: every export that is missing.
    pub(crate) fn find(component: &Component) -> Result<Self, Vec<String>> {
        let handler = interface_name("handler");
        let Some(interface) = component.get_export_index(None, &handler) else {
            return Err(vec![format!("it does not export {handler}")]);
        };
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            let found = component.get_export_index(Some(&interface), name);
            if found.is_none() {
                missing.push(format!("{handler} lacks the function {name}"));
            }
            found.unwrap_or(interface)
        };
        let hooks = Self {
            configure: find("configure"),
            health: find("health"),
            start: find("start"),
            on_request: find("on-request"),
            on_request_chunk: find("on-request-chunk"),
            on_request_whole: find("on-request-whole"),
            on_response: find("on-response"),
            on_response_chunk: find("on-response-chunk"),
            on_response_whole: find("on-response-whole"),
            on_trailers: find("on-trailers"),
            on_finished: find("on-finished"),
            close: find("close"),
        };
        if missing.is_empty() { Ok(hooks) } else { Err(missing) }
    }

    /// Whether the hooks have the types above. Errors: every one that has not. `hook` relies on it.
    pub(crate) fn check_types(&self, store: &mut Store<HostState>, instance: &Instance) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        macro_rules! check {
            ($($hook:ident: $type:ty),* $(,)?) => {$(
                let typed: wasmtime::Result<$type> = instance.get_typed_func(&mut *store, &self.$hook);
                if let Err(error) = typed {
                    faults.push(format!("the export {} has another type: {error:#}", stringify!($hook).replace('_', "-")));
                }
            )*};
        }
        check!(
            configure: Configure<'static>, health: Health, start: Start<'static>,
            on_request: OnRequest<'static>, on_request_chunk: OnChunk<'static>, on_request_whole: OnWhole<'static>,
            on_response: OnResponse<'static>, on_response_chunk: OnChunk<'static>, on_response_whole: OnWhole<'static>,
            on_trailers: OnTrailers<'static>, on_finished: OnFinished, close: Close,
        );
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// A hook of an instance, without the type check that costs more than the call.
pub(crate) fn hook<Params, Return>(
    mut store: impl AsContextMut,
    instance: &Instance,
    index: &ComponentExportIndex,
) -> wasmtime::Result<TypedFunc<Params, Return>>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    let function = instance.get_func(store.as_context_mut(), index);
    let function = function.ok_or_else(|| wasmtime::format_err!("the export has gone"))?;
    #[expect(
        unsafe_code,
        reason = "every module passed `Hooks::check_types` with exactly these types when it was loaded, \
        and the cache authenticates modules that did"
    )]
    // SAFETY: the callers use the type aliases above, which `check_types` checked for this component.
    let typed = unsafe { TypedFunc::new_unchecked(function) };
    Ok(typed)
}
