//! Large tokens.
