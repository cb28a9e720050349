//! A login in progress.
