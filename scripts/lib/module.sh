# Sourced, not run: how WebAssembly modules are compiled.

# build_module TARGET PACKAGE…: in release mode, the same bytes wherever it is done: no path of this machine stays in them.
# The compilation target is added by rustup if it is missing. Modules are then in $(cargo_target)/TARGET/release.
build_module() {
    local wasm_target=$1 sources remapped=("--remap-path-prefix=$PWD=/latchkey")
    shift
    [ -d "$(rustc --print sysroot)/lib/rustlib/$wasm_target" ] || {
        echo "Adding the compilation target $wasm_target"
        rustup target add "$wasm_target" || return
    }
    cargo fetch --locked --quiet --target "$wasm_target" || return
    for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        remapped+=("--remap-path-prefix=$sources=/registry")
    done
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${remapped[*]}") \
        cargo build --locked --release --target "$wasm_target" "${@/#/--package=}"
}

# The folder that cargo builds into.
cargo_target() {
    cargo metadata --locked --format-version 1 --no-deps |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}
