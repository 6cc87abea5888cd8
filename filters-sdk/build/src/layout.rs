//! How a filter lies in memory: what every fresh instance costs before it does anything.

use serde::Serialize;
use wasmparser::{BinaryReaderError, ConstExpr, DataKind, ExternalKind, Operator, Parser, Payload};

const PAGE_BYTES: u64 = 64 << 10;
/// More than this and resetting an instance is no longer small.
const STACK_BYTES_MAX: u64 = 64 << 10;
const PAGES_MAX: u64 = 2;
const DATA_BYTES_MAX: u64 = 32 << 10;

/// Sizes and counts over all core modules of a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    /// Pages of 64 KiB an instance begins with.
    pub memory_pages: u64,
    pub memories: u32,
    /// The stack pointer's first value, where the stack lies in front of the data.
    pub stack_bytes: Option<u64>,
    /// Where active data begins; below it lies the stack.
    pub data_start: Option<u64>,
    /// Copied into every instance.
    pub data_bytes: u64,
    pub table_elements: u64,
    /// Core modules with code; more than one are shims for imports.
    pub core_modules: u32,
    pub functions: u64,
    /// Whether a core module runs code when it is instantiated.
    pub start_function: bool,
    /// Whether the code can grow its memory at all.
    pub grows_memory: bool,
    #[serde(skip)]
    pub(crate) code_bytes: u64,
    #[serde(skip)]
    pub(crate) debug_bytes: u64,
}

impl Layout {
    pub(crate) fn read(component: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut layout = Self::default();
        for payload in Parser::new(0).parse_all(component) {
            layout.add(payload?)?;
        }
        Ok(layout)
    }

    fn add(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } => self.core_modules += 1,
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memory_pages += memory?.initial;
                    self.memories += 1;
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.table_elements += table?.ty.initial;
                }
            }
            // The first global of what LLVM links is the stack pointer.
            Payload::GlobalSection(globals) if self.stack_bytes.is_none() => {
                let first = globals.into_iter().next().transpose()?;
                self.stack_bytes = first.filter(|global| global.ty.mutable).and_then(|g| constant(&g.init_expr));
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    self.data_bytes += segment.data.len() as u64;
                    if let DataKind::Active { offset_expr, .. } = &segment.kind {
                        let start = constant(offset_expr);
                        self.data_start = [self.data_start, start].into_iter().flatten().min();
                    }
                }
            }
            Payload::FunctionSection(functions) => self.functions += u64::from(functions.count()),
            Payload::StartSection { .. } => self.start_function = true,
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.start_function |= export.kind == ExternalKind::Func && export.name == "_initialize";
                }
            }
            Payload::CodeSectionEntry(body) => {
                self.code_bytes += body.range().len() as u64;
                if !self.grows_memory {
                    self.grows_memory = grows(&body)?;
                }
            }
            Payload::CustomSection(section) if section.name().starts_with(".debug") || section.name() == "name" => {
                self.debug_bytes += section.range().len() as u64;
            }
            _ => {}
        }
        Ok(())
    }

    /// What makes fresh instances of it slow, and what to do.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let too_much = |value: u64, max: u64| value > max;
        if self.stack_bytes.is_some_and(|bytes| too_much(bytes, STACK_BYTES_MAX) && self.stack_in_front()) {
            let bytes = self.stack_bytes.unwrap_or_default();
            warnings.push(format!(
                "its stack has {bytes} bytes, all reset for every fresh instance; link with -zstack-size=16384"
            ));
        }
        if self.stack_bytes.is_some() && self.data_start.is_some() && !self.stack_in_front() {
            warnings.push(
                "its stack lies behind its data, so overflow corrupts instead of trapping; link with --stack-first"
                    .into(),
            );
        }
        if too_much(self.memory_pages, PAGES_MAX) {
            warnings.push(format!(
                "an instance begins with {} KiB of memory; up to {} KiB is cheap",
                self.memory_pages * PAGE_BYTES / 1024,
                PAGES_MAX * PAGE_BYTES / 1024
            ));
        }
        if too_much(self.data_bytes, DATA_BYTES_MAX) {
            warnings.push(format!(
                "it brings {} KiB of data into every instance; up to {} KiB is cheap",
                self.data_bytes / 1024,
                DATA_BYTES_MAX / 1024
            ));
        }
        if self.memories > 1 {
            warnings.push(format!("it has {} memories; each is reset for every fresh instance", self.memories));
        }
        if self.start_function {
            warnings.push("it runs code whenever an instance is made; prepare in `configure` instead".into());
        }
        warnings
    }

    fn stack_in_front(&self) -> bool {
        match (self.stack_bytes, self.data_start) {
            (Some(stack), Some(data)) => stack <= data,
            _ => true,
        }
    }
}

fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    match expression.get_operators_reader().read().ok()? {
        Operator::I32Const { value } => u64::try_from(value).ok(),
        Operator::I64Const { value } => u64::try_from(value).ok(),
        _ => None,
    }
}

fn grows(body: &wasmparser::FunctionBody<'_>) -> Result<bool, BinaryReaderError> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if matches!(operators.read()?, Operator::MemoryGrow { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}
