//! Keys that sign in tests.
