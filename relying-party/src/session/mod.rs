//! Sessions: what a login leaves in the browser.

pub mod seal;
