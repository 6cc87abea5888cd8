//! A [`Filter`] as the contract's exports.

use crate::bindings::handler::Guest;
use crate::bindings::types;
use crate::instance::Instance;
use crate::{Configuration, Failure, Filter, Halt, Headers, RequestHead, ResponseEdits, ResponseHead, Result, Whole};
use core::marker::PhantomData;
use std::thread::LocalKey;

/// A filter type with the static its instance lives in. Implemented by `#[filter]`.
#[doc(hidden)]
pub trait Hosted: Filter {
    const INSTANCE: &'static LocalKey<Instance<Self>>;
}

#[doc(hidden)]
pub struct Component<F>(PhantomData<F>);

// Hooks the filter does not have answer without a look: the compiler leaves them out.
impl<F: Hosted> Guest for Component<F> {
    fn configure(config: String) -> Result<types::Configured, String> {
        let config = F::Config::parse(&config)?;
        F::validate(&config)?;
        let mut plan = F::DECLARED.plan();
        F::plan(&config, &mut plan);
        Ok(types::Configured { plan: plan.into(), prepared: config.encode()? })
    }

    fn health() -> Result<(), String> {
        let config = F::INSTANCE.with(Instance::config).map_err(text)?;
        F::health(config)
    }

    fn start(prepared: Vec<u8>) {
        // What cannot be decoded shows on the first hook, where the contract has room for an error.
        let _ = F::INSTANCE.with(|instance| instance.start(&prepared).map(drop));
        drop(prepared);
        #[cfg(all(feature = "arena", target_arch = "wasm32"))]
        crate::arena::keep();
    }

    fn on_request(exchange: u64, head: types::RequestHead, end: bool) -> Result<types::RequestDecision, types::Error> {
        F::INSTANCE.with(|instance| {
            let mut state = F::new(instance.config()?);
            let decision = state.on_request(&RequestHead::from_wit(head, end));
            if F::DECLARED.keeps_state() {
                instance.open(exchange, state);
            }
            match decision {
                Ok(edits) => Ok(types::RequestDecision::Pass(edits.0)),
                Err(Halt::Reply(reply)) => Ok(types::RequestDecision::Reply(reply.0)),
                Err(Halt::Failure(failure)) => Err(failure.into()),
            }
        })
    }

    fn on_request_chunk(exchange: u64, chunk: Vec<u8>, end: bool) -> Result<types::ChunkDecision, types::Error> {
        if !F::DECLARED.request_body {
            return Ok(types::ChunkDecision::Keep);
        }
        Ok(hook(exchange, |filter: &mut F| filter.on_request_chunk(&chunk, end))??.into())
    }

    fn on_request_whole(exchange: u64, body: Vec<u8>) -> Result<types::WholeDecision, types::Error> {
        if !F::DECLARED.request_body {
            return Ok(types::WholeDecision::Pass(Whole::keep().0));
        }
        whole(hook(exchange, |filter: &mut F| filter.on_request_body(body))?)
    }

    fn on_response(
        exchange: u64,
        head: types::ResponseHead,
        end: bool,
    ) -> Result<types::ResponseDecision, types::Error> {
        if !F::DECLARED.response {
            return Ok(types::ResponseDecision::Pass(ResponseEdits::new().0));
        }
        match hook(exchange, |filter: &mut F| filter.on_response(&ResponseHead::from_wit(head, end)))? {
            Ok(edits) => Ok(types::ResponseDecision::Pass(edits.0)),
            Err(Halt::Reply(reply)) => Ok(types::ResponseDecision::Replace(reply.0)),
            Err(Halt::Failure(failure)) => Err(failure.into()),
        }
    }

    fn on_response_chunk(exchange: u64, chunk: Vec<u8>, end: bool) -> Result<types::ChunkDecision, types::Error> {
        if !F::DECLARED.response_body {
            return Ok(types::ChunkDecision::Keep);
        }
        Ok(hook(exchange, |filter: &mut F| filter.on_response_chunk(&chunk, end))??.into())
    }

    fn on_response_whole(exchange: u64, body: Vec<u8>) -> Result<types::WholeDecision, types::Error> {
        if !F::DECLARED.response_body {
            return Ok(types::WholeDecision::Pass(Whole::keep().0));
        }
        whole(hook(exchange, |filter: &mut F| filter.on_response_body(body))?)
    }

    fn on_trailers(exchange: u64, trailers: Vec<types::Header>) {
        if !F::DECLARED.trailers {
            return;
        }
        let trailers = Headers(trailers);
        // An exchange that is not open has nobody to tell.
        let _ = hook(exchange, |filter: &mut F| filter.on_trailers(&trailers));
    }

    fn on_finished(exchange: u64, outcome: types::Finished) {
        if F::DECLARED.finished {
            let _ = hook(exchange, |filter: &mut F| filter.on_finished(&outcome));
        }
    }

    fn close(exchange: u64) {
        F::INSTANCE.with(|instance| instance.close(exchange));
    }
}

fn hook<F: Hosted, T>(exchange: u64, hook: impl FnOnce(&mut F) -> T) -> Result<T, Failure> {
    F::INSTANCE.with(|instance| instance.with(exchange, hook))
}

fn whole(decided: crate::Result<Whole>) -> Result<types::WholeDecision, types::Error> {
    match decided {
        Ok(whole) => Ok(types::WholeDecision::Pass(whole.0)),
        Err(Halt::Reply(reply)) => Ok(types::WholeDecision::Reply(reply.0)),
        Err(Halt::Failure(failure)) => Err(failure.into()),
    }
}

fn text(failure: Failure) -> String {
    match failure {
        Failure::Reject(text) | Failure::Fault(text) => text,
    }
}
