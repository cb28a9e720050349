//! A login in progress: what it remembers, which browser it belongs to, where it returns to.

pub mod attempt;
pub mod browser;
pub mod fragment;
pub mod past;
pub mod posted_form;
pub mod return_to;

use std::time::Duration;

/// How long a person may take at the provider.
pub const LOGIN_LIFETIME: Duration = Duration::from_secs(3600);
