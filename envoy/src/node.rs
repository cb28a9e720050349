//! Programs that run on Node: a certified provider, and a browser's driver.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{self, Process};
use crate::{port, tools};

const START_LIMIT: Duration = Duration::from_secs(30);

/// npm's `oidc-provider` with the users and clients of `providers/oidc-provider.mjs`. Dropping it ends it.
pub struct OidcProvider {
    _process: Process,
    address: SocketAddr,
}

impl OidcProvider {
    /// Starts it for an application at this origin, and waits until it listens.
    pub fn start(application: &str) -> Self {
        Self::with(json!({"application": application}))
    }

    /// Starts it with what its script takes besides the port.
    pub fn with(mut arguments: Value) -> Self {
        let port = port::free();
        arguments["port"] = port.into();
        let mut command = node("providers/oidc-provider.mjs");
        command.arg(arguments.to_string());
        let mut process = Process::start("oidc-provider", process::folder("oidc-provider"), &mut command);
        let log = process.folder().join("log");
        process.wait_until(START_LIMIT, || std::fs::read_to_string(&log).is_ok_and(|log| log.contains("ready\n")));
        Self { _process: process, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its issuer identifier.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Runs a script of this crate to its end. Fails the test when the script fails.
pub fn run(script: &str, arguments: &Value) {
    let status = node(script).arg(arguments.to_string()).stdin(Stdio::null()).status().expect("Node runs");
    assert!(status.success(), "{script}: {status}");
}

/// A script of the repository, to be run where the npm packages are.
pub fn command(script: &Path) -> Command {
    let mut command = Command::new(tools::node());
    command.current_dir(tools::npm()).arg(script);
    command
}

fn node(script: &str) -> Command {
    command(&tools::repository().join("envoy").join(script))
}
