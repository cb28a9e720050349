//! The proxy-wasm shell around the relying party: it turns the host's callbacks into events and effects into host calls,
//! and decides nothing itself.
//!
//! A panic here kills the VM of a whole worker. So: only the SDK's `_bytes` calls (its string getters panic on a byte that
//! is not UTF-8), no host call for a stream that is gone, never a second answer.

#![allow(
    missing_docs,
    reason = "the SDK's macro makes an entry point without documentation, and nothing else is public"
)]

mod header_map;
mod host;
mod metrics;
mod peer;
mod root;
mod shared;
mod shell;
mod stream;

use proxy_wasm::traits::RootContext;

use crate::root::Root;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|context| -> Box<dyn RootContext> { Box::new(Root::new(context)) });
}}

/// Nobody to yield to: a VM has one thread. Without this, a lock inside the CEL parser would make the module import WASI's
/// `sched_yield`, which not every host offers.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
extern "C" fn sched_yield() -> i32 {
    0
}
