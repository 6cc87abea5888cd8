//! `log`: lines for the node's log, bounded in number and length.

use super::HostState;
use crate::telemetry::LogLevel;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, LinkerInstance};

/// Longer messages and field values are cut.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
const FIELDS_MAX: usize = 16;

#[derive(ComponentType, Lift, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifted from the guest by its number, never made here")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

type Line = (Level, String, Vec<(String, String)>);

pub(super) fn link(interface: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    interface.func_wrap("emit", |mut store: StoreContextMut<'_, HostState>, (level, mut message, mut fields): Line| {
        let host = store.data_mut();
        host.call()?;
        host.usage.log_lines += 1;
        if host.usage.log_lines > host.limits.log_lines_max {
            host.telemetry.dropped(&host.id, "log_lines");
            return Ok(());
        }
        cut(&mut message);
        fields.truncate(FIELDS_MAX);
        for (name, value) in &mut fields {
            cut(name);
            cut(value);
        }
        host.telemetry.log(&host.id, host.exchange, level.into(), &message, &fields);
        Ok(())
    })
}

/// At a character boundary.
fn cut(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}
