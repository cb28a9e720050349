//! Envoy's foreign functions: by name, arguments and results in protobuf (package `envoy.source.extensions.common.wasm`).

use std::ptr;

use prost::Message;

/// Why a foreign function gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignError {
    /// This host has no function of that name, or none at all.
    Missing,
    /// It refused the arguments, or its result is not what it should be.
    Failed,
}

/// Calls the host's function `name`.
pub(crate) fn call<R: Message + Default>(name: &str, arguments: &impl Message) -> Result<R, ForeignError> {
    R::decode(call_bytes(name, &arguments.encode_to_vec())?.as_slice()).map_err(|_| ForeignError::Failed)
}

/// `proxy_status_t`
const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const UNIMPLEMENTED: u32 = 12;

#[cfg_attr(target_family = "wasm", link(wasm_import_module = "env"))]
unsafe extern "C" {
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> u32;
}

/// The SDK's own form of this call panics on every status that it does not expect, `Unimplemented` among them.
fn call_bytes(name: &str, arguments: &[u8]) -> Result<Vec<u8>, ForeignError> {
    let mut result = ptr::null_mut();
    let mut size = 0;
    // SAFETY: pointers and lengths are those of live slices and variables, which the host uses during the call only.
    let status = unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            &raw mut result,
            &raw mut size,
        )
    };
    match status {
        OK if result.is_null() => Ok(Vec::new()),
        // SAFETY: the host got this memory from the SDK's `proxy_on_memory_allocate`, a vector with that capacity, and filled it.
        OK => Ok(unsafe { Vec::from_raw_parts(result, size, size) }),
        NOT_FOUND | UNIMPLEMENTED => Err(ForeignError::Missing),
        _ => Err(ForeignError::Failed),
    }
}
