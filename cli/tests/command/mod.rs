//! The real command, run in a folder of its own.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// What the command did.
pub struct Outcome {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Fails the test unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.status, Some(0), "out: {}\nerr: {}", self.out, self.err);
        self
    }

    /// Fails the test unless it failed in order, saying this.
    #[track_caller]
    pub fn failed_with(self, said: &str) -> Self {
        assert_eq!(self.status, Some(1), "out: {}\nerr: {}", self.out, self.err);
        assert!(self.err.contains(said), "{said} in {}", self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// A folder that this test alone uses, and the environment that the command gets.
pub struct Stage {
    pub folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Stage {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, environment: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).unwrap();
        name.to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, b"")
    }

    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.args(arguments).current_dir(&self.folder).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have no use for its input.
        drop(child.stdin.take().unwrap().write_all(input));
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A program or module: named by the environment, or where the scripts put it.
pub fn needed(variable: &str, built: Option<PathBuf>, hint: &str) -> PathBuf {
    let named = std::env::var_os(variable).map(PathBuf::from);
    named.or(built.filter(|path| path.exists())).unwrap_or_else(|| panic!("{hint}, or set {variable}"))
}

/// The real Envoy.
pub fn envoy() -> PathBuf {
    let packages = fs::read_dir(repository().join("target/venv/lib")).into_iter().flatten().flatten();
    let installed =
        packages.map(|python| python.path().join("site-packages/envoy/_bin/envoy")).find(|path| path.exists());
    needed("ENVOY", installed, "no Envoy: scripts/install-tools envoy")
}

/// The filter.
pub fn module() -> PathBuf {
    needed("LATCHKEY_WASM", Some(repository().join("dist/latchkey.wasm")), "no latchkey.wasm: scripts/build")
}

/// The discovery document of a provider, as it publishes it.
pub fn discovery_of(provider: &str) -> String {
    repository().join("wasm-host-tests/providers").join(provider).join("discovery.json").display().to_string()
}

/// A configuration that is right.
pub const GOOD: &str = r#"
providers:
- name: corp
  issuer: https://login.example.org/realms/corp
  cluster: corp-idp
  client_id: portal
  client_secret: {env: CORP_CLIENT_SECRET}
  audience: [https://api.example.org]
public_url: [https://portal.example.org, https://api.example.org]
session: {keys: [{env: LATCHKEY_SESSION_KEY}]}
rules:
- name: health
  match: {path: /healthz}
  authentication: none
- name: orders
  match: {host: api.example.org}
  authentication: bearer
  require: '"orders.write" in scopes || request.method == "GET"'
- name: approvals
  match: {path_prefix: /approvals}
  require: '"finance" in claims.groups'
headers:
  x-auth-subject: claims.sub
  x-auth-groups: claims.groups.join(",")
"#;

/// A discovery document for the provider of [`GOOD`].
pub const DISCOVERY: &str = r#"{
  "issuer": "https://login.example.org/realms/corp",
  "authorization_endpoint": "https://login.example.org/realms/corp/authorize",
  "token_endpoint": "https://login.example.org/realms/corp/token",
  "jwks_uri": "https://keys.example.org/corp",
  "response_types_supported": ["code"], "subject_types_supported": ["public"],
  "id_token_signing_alg_values_supported": ["RS256"]
}"#;
