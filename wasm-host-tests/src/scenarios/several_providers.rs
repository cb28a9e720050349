//! Several providers.
