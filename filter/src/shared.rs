//! The host's shared data. The SDK's own functions panic on a status that they do not know, so the two calls are declared here.

use std::ptr::null_mut;

use relying_party::shared::{Entry, Expected, SharedData, SharedDataError, Version};

/// `proxy_status_t`
const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const CAS_MISMATCH: u32 = 8;
/// For hosts, 0 means «whatever is there». A new key takes any number, an old one only its own: this is never one of them.
const NO_VERSION: u32 = u32::MAX;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, version: u32)
    -> u32;
}

/// Shared by all VMs of the plugin's `vm_id` in this process.
pub(crate) struct HostSharedData;

impl SharedData for HostSharedData {
    fn read(&mut self, key: &str) -> Result<Option<Entry>, SharedDataError> {
        let (mut value, mut size, mut version) = (null_mut(), 0, 0);
        // SAFETY: the pointers are valid for the time of the call.
        let status =
            unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), &raw mut value, &raw mut size, &raw mut version) };
        match status {
            OK if value.is_null() => Ok(Some(Entry { value: Vec::new(), version: Version(version) })),
            // SAFETY: the host writes the value where `proxy_on_memory_allocate` (the SDK's, a `Vec` of exactly this capacity)
            // told it to, and leaves it to us.
            OK => {
                Ok(Some(Entry { value: unsafe { Vec::from_raw_parts(value, size, size) }, version: Version(version) }))
            }
            NOT_FOUND => Ok(None),
            _ => Err(SharedDataError::NotOffered),
        }
    }

    fn write(&mut self, key: &str, value: &[u8], expected: Expected) -> Result<(), SharedDataError> {
        let version = match expected {
            Expected::Anything => 0,
            Expected::Nothing => NO_VERSION,
            Expected::Version(Version(version)) => version,
        };
        // SAFETY: the pointers are valid for the time of the call.
        match unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) } {
            OK => Ok(()),
            CAS_MISMATCH => Err(SharedDataError::Conflict),
            _ => Err(SharedDataError::NotOffered),
        }
    }
}
