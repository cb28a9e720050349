//! The host's statistics. The SDK's own functions panic on a status that they do not know, so the three calls are declared here.

use std::collections::BTreeMap;

use relying_party::metrics::{Kind, Sample, Series};

/// `proxy_status_t`
const OK: u32 = 0;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, number: *mut u32) -> u32;
    fn proxy_increment_metric(number: u32, by: i64) -> u32;
    fn proxy_record_metric(number: u32, value: u64) -> u32;
}

/// The host's numbers for what has been told so far; `None` for what it does not take.
#[derive(Default)]
pub(crate) struct HostMetrics(BTreeMap<Series, Option<u32>>);

impl HostMetrics {
    /// Adds a value to the statistics, under `name` when it is the first.
    pub(crate) fn add(&mut self, Sample { series, value }: Sample, name: impl FnOnce() -> String) {
        let kind = series.metric.kind();
        let number = *self.0.entry(series).or_insert_with(|| define(kind, &name()));
        let Some(number) = number else { return };
        // SAFETY: numbers only.
        let _ = unsafe {
            match kind {
                Kind::Counter => proxy_increment_metric(number, value.cast_signed()),
                Kind::Gauge | Kind::Histogram => proxy_record_metric(number, value),
            }
        };
    }
}

fn define(kind: Kind, name: &str) -> Option<u32> {
    // `proxy_metric_type_t`
    let kind = match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 2,
    };
    let mut number = 0;
    // SAFETY: pointer and length are those of a live slice, which the host reads during the call only.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut number) };
    (status == OK).then_some(number)
}
