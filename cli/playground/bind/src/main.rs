//! Writes the JavaScript that calls the playground's module. It is what the `wasm-bindgen` command does, with the versions of Cargo.lock.

#![forbid(unsafe_code)]

use anyhow::Context as _;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || arguments.next().context("usage: playground-bind MODULE FOLDER: writes core.js and core_bg.wasm");
    let (module, folder) = (next()?, next()?);
    // Without modules of JavaScript: they are not loaded from a file.
    Bindgen::new().no_modules(true)?.typescript(false).input_path(module).out_name("core").generate(folder)
}
