//! Login, refresh, both logouts and access tokens at providers that other people wrote. `scripts/test-providers` runs one's tests.
//! Where a provider is not installed its tests fail and say which command installs it.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod canaille;
mod glewlwyd;
mod lemonldap;
mod mock_server;
mod oidc_provider;
mod stage;
