//! A login in progress: what it remembers, which browser it belongs to, where it returns to.

pub mod attempt;
pub mod browser;
pub mod return_to;
