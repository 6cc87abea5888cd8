//! What one instance of a component holds: its configuration and the exchanges that are open.

use crate::Configuration;
use crate::{Failure, Filter, Result, fault};
use core::cell::{Cell, RefCell};

/// One per component, in a static the macro declares. WebAssembly has one thread.
#[doc(hidden)]
pub struct Instance<F: Filter> {
    config: Cell<Option<&'static F::Config>>,
    exchanges: RefCell<Exchanges<F>>,
}

impl<F: Filter> Default for Instance<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Filter> Instance<F> {
    pub const fn new() -> Self {
        Self { config: Cell::new(None), exchanges: RefCell::new(Exchanges { first: None, more: Vec::new() }) }
    }

    /// Takes the configuration for good: it lives as long as the instance.
    pub(crate) fn start(&self, prepared: &[u8]) -> Result<&'static F::Config, Failure> {
        let config = F::Config::decode(prepared).map_err(fault)?;
        let config: &'static F::Config = Box::leak(Box::new(config));
        self.config.set(Some(config));
        Ok(config)
    }

    /// The configuration. An instance whose filter prepared nothing is never started by the host.
    pub(crate) fn config(&self) -> Result<&'static F::Config, Failure> {
        match self.config.get() {
            Some(config) => Ok(config),
            None => self.start(&[]),
        }
    }

    pub(crate) fn open(&self, exchange: u64, state: F) {
        if let Ok(mut exchanges) = self.exchanges.try_borrow_mut() {
            exchanges.insert(exchange, state);
        }
    }

    /// Runs a hook of an open exchange.
    pub(crate) fn with<T>(&self, exchange: u64, hook: impl FnOnce(&mut F) -> T) -> Result<T, Failure> {
        let mut exchanges = self.exchanges.try_borrow_mut().map_err(|_| fault("a hook called itself"))?;
        exchanges.get(exchange).map(hook).ok_or_else(|| fault("no such exchange is open"))
    }

    pub(crate) fn close(&self, exchange: u64) {
        if let Ok(mut exchanges) = self.exchanges.try_borrow_mut() {
            exchanges.remove(exchange);
        }
    }
}

/// Open exchanges by id. A fresh instance has one: it needs no allocation.
struct Exchanges<F> {
    first: Option<(u64, F)>,
    more: Vec<(u64, F)>,
}

impl<F> Exchanges<F> {
    fn insert(&mut self, exchange: u64, state: F) {
        self.remove(exchange);
        match self.first {
            None => self.first = Some((exchange, state)),
            Some(_) => self.more.push((exchange, state)),
        }
    }

    fn get(&mut self, exchange: u64) -> Option<&mut F> {
        let mut open = self.first.iter_mut().chain(&mut self.more);
        open.find_map(|(id, state)| (*id == exchange).then_some(state))
    }

    fn remove(&mut self, exchange: u64) {
        if self.first.as_ref().is_some_and(|(id, _)| *id == exchange) {
            self.first = None;
        } else if let Some(index) = self.more.iter().position(|(id, _)| *id == exchange) {
            self.more.swap_remove(index);
        }
        // Gives the list back as soon as it can, so that the arena finds itself empty.
        if self.more.is_empty() {
            self.more = Vec::new();
        }
    }
}
