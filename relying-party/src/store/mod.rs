//! What several instances share beyond a process: Redis or Valkey, one command at a time. Nothing here that a person could be
//! known by is legible there: values are sealed, and keys are named by digests.

mod errand;
pub mod names;
pub mod refresh;
pub mod revocations;
pub mod sessions;
pub mod status;
pub mod webdis;

pub use errand::Errand;
pub use names::StoreNames;
pub use revocations::{Cursor, NOTES_A_COMMAND, News, Note, Stream};
pub use status::{OUTAGE_AFTER, StoreStatus};
pub use webdis::{COMMAND_TIMEOUT, Command, Reply, StoreError};
