//! Where the programs and modules are that this ring needs. `scripts/install-tools` and `scripts/build` put them there.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The Envoy binary: `$ENVOY`, or the one of `target/venv`.
pub fn envoy() -> PathBuf {
    let packages = std::fs::read_dir(repository().join("target/venv/lib")).into_iter().flatten().flatten();
    let installed =
        packages.map(|python| python.path().join("site-packages/envoy/_bin/envoy")).find(|path| path.exists());
    named_by("ENVOY").or(installed).expect("no Envoy: run scripts/install-tools envoy, or set ENVOY")
}

/// The module under test: `$LATCHKEY_WASM`, or `dist/latchkey.wasm`.
pub fn latchkey_module() -> PathBuf {
    let built = Some(repository().join("dist/latchkey.wasm")).filter(|path| path.exists());
    named_by("LATCHKEY_WASM").or(built).expect("no latchkey.wasm: run scripts/build, or set LATCHKEY_WASM")
}

/// The filter that judges signatures, which `scripts/test` builds beside the tests.
pub fn signature_oracle() -> PathBuf {
    let executable = std::env::current_exe().expect("a test");
    let mut folders = executable.ancestors().map(|folder| folder.join("wasm32-wasip1/release/signature_oracle.wasm"));
    folders
        .find(|path| path.exists())
        .expect("no signature_oracle.wasm: cargo build --release --target wasm32-wasip1 -p signature-oracle")
}

/// Node: `$NODE`, or the one of `target/npm`.
pub fn node() -> PathBuf {
    let installed = Some(npm().join("node_modules/.bin/node")).filter(|path| path.exists());
    named_by("NODE").or(installed).expect("no Node: run scripts/install-tools node")
}

/// Where the npm packages are: `$LATCHKEY_NPM`, or `target/npm`.
pub fn npm() -> PathBuf {
    named_by("LATCHKEY_NPM").unwrap_or_else(|| repository().join("target/npm"))
}

/// Python with the packages of `target/venv`: `$PYTHON`, or the one there.
pub fn python() -> PathBuf {
    let installed = Some(repository().join("target/venv/bin/python")).filter(|path| path.exists());
    named_by("PYTHON").or(installed).expect("no Python: run scripts/install-tools canaille")
}

/// Where Glewlwyd's Debian package is unpacked: `$GLEWLWYD`, or `target/glewlwyd`.
pub fn glewlwyd() -> PathBuf {
    let installed = Some(repository().join("target/glewlwyd")).filter(|path| path.join("bin/glewlwyd").exists());
    named_by("GLEWLWYD").or(installed).expect("no Glewlwyd: run scripts/install-tools glewlwyd, or set GLEWLWYD")
}

/// Where LemonLDAP::NG's Debian packages are unpacked: `$LEMONLDAP`, or `target/lemonldap`.
pub fn lemonldap() -> PathBuf {
    let installed =
        Some(repository().join("target/lemonldap")).filter(|path| path.join("usr/share/lemonldap-ng").exists());
    named_by("LEMONLDAP")
        .or(installed)
        .expect("no LemonLDAP::NG: run scripts/install-tools lemonldap, or set LEMONLDAP")
}

/// Where oauth2-mock-server is installed: `$OAUTH2_MOCK_SERVER`, or `target/oauth2-mock-server`.
pub fn mock_server() -> PathBuf {
    let folder = repository().join("target/oauth2-mock-server");
    let installed = Some(folder).filter(|path| path.join("node_modules").exists());
    named_by("OAUTH2_MOCK_SERVER").or(installed).expect("no oauth2-mock-server: run scripts/install-tools mock-server")
}

/// A Chromium or Chrome: `$CHROMIUM`, or one on `PATH`.
pub fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let candidates = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    named_by("CHROMIUM")
        .or_else(|| candidates.into_iter().find(|candidate| candidate.is_file()))
        .expect("no Chromium: run scripts/install-tools chromium, or set CHROMIUM")
}

/// Redis: `$REDIS_SERVER`, one on `PATH`, or the one of `target/redis`.
pub fn redis_server() -> PathBuf {
    program("REDIS_SERVER", "redis-server")
}

/// Webdis: `$WEBDIS`, one on `PATH`, or the one of `target/redis`.
pub fn webdis() -> PathBuf {
    program("WEBDIS", "webdis")
}

fn program(variable: &str, name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([repository().join("target/redis/bin")]);
    let installed = folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    let missing = || panic!("no {name}: run scripts/install-tools redis, or set {variable}");
    named_by(variable).or(installed).unwrap_or_else(missing)
}

fn named_by(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}
