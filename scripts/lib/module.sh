# Sourced, not run: how WebAssembly modules are compiled.

# build_module PACKAGE…: in release mode, the same bytes wherever it is done: no path of this machine stays in them.
build_module() {
    local sources remapped=("--remap-path-prefix=$PWD=/latchkey")
    cargo fetch --locked --quiet --target wasm32-wasip1 || return
    for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        remapped+=("--remap-path-prefix=$sources=/registry")
    done
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${remapped[*]}") \
        cargo build --locked --release --target wasm32-wasip1 "${@/#/--package=}"
}
