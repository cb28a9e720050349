//! The module under test, compiled once for each build of it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, Module};

/// The engine and the compiled module: `LATCHKEY_WASM`, or `dist/latchkey.wasm`.
pub fn module() -> &'static (Engine, Module) {
    static MODULE: OnceLock<(Engine, Module)> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = path();
        let bytes = std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}. There is no module to test: run scripts/build", path.display())
        });
        let engine = Engine::default();
        let module = compile(&engine, &bytes);
        (engine, module)
    })
}

fn path() -> PathBuf {
    std::env::var_os("LATCHKEY_WASM")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/latchkey.wasm"), PathBuf::from)
}

/// Compiling takes seconds and every test may be a process of its own: the result is kept beside the test's executable.
fn compile(engine: &Engine, bytes: &[u8]) -> Module {
    let digest = Sha256::digest(bytes).iter().take(12).map(|byte| format!("{byte:02x}")).collect::<String>();
    let executable = std::env::current_exe().expect("a test has an executable");
    let cached = executable.with_file_name(format!("latchkey-{digest}.cwasm"));
    if let Ok(native) = std::fs::read(&cached) {
        // SAFETY: only this function writes files of that name, into the build directory, and wasmtime checks its own version.
        if let Ok(module) = unsafe { Module::deserialize(engine, native) } {
            return module;
        }
    }
    let module = Module::new(engine, bytes).expect("dist/latchkey.wasm is a WebAssembly module");
    let mine = cached.with_extension(format!("{}.tmp", std::process::id()));
    let kept =
        module.serialize().map(|native| std::fs::write(&mine, native).and_then(|()| std::fs::rename(&mine, &cached)));
    if !matches!(kept, Ok(Ok(()))) {
        eprintln!("the compiled module could not be kept; the next test compiles again");
    }
    module
}
