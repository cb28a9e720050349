"""Fails when a WebAssembly module imports a function that not every proxy-wasm host offers.

Usage: python3 wasm_imports.py MODULE

The list is what Envoy gives to a module without further configuration: the proxy-wasm calls, and those of WASI that need no file,
socket or argument. A dependency that reaches for more would be found only when a proxy refuses to load the module.
"""

import sys

WASI = {"random_get", "environ_get", "environ_sizes_get", "fd_write", "proc_exit", "clock_time_get"}
IMPORT_SECTION = 2


def is_offered(module: str, name: str) -> bool:
    if module == "env":
        return name.startswith("proxy_")
    return module == "wasi_snapshot_preview1" and name in WASI


class Reader:
    """Reads the binary format (WebAssembly core specification, section 5)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def take(self, length: int) -> bytes:
        taken = self.data[self.at : self.at + length]
        self.at += length
        return taken

    def limits(self) -> None:
        has_maximum = self.number() & 1
        self.number()
        if has_maximum:
            self.number()

    def imports(self):
        if self.take(8) != b"\0asm\x01\0\0\0":
            sys.exit("not a WebAssembly module")
        while self.at < len(self.data):
            section, size = self.number(), self.number()
            if section != IMPORT_SECTION:
                self.at += size
                continue
            for _ in range(self.number()):
                module, name = self.take(self.number()).decode(), self.take(self.number()).decode()
                kind = self.number()
                if kind == 0:
                    self.number()
                elif kind == 1:
                    self.take(1)
                    self.limits()
                elif kind == 2:
                    self.limits()
                else:
                    self.take(2)
                yield module, name, kind


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        imports = list(Reader(file.read()).imports())
    refused = [f"{module}.{name}" for module, name, kind in imports if kind != 0 or not is_offered(module, name)]
    if not imports:
        sys.exit(f"{sys.argv[1]} imports nothing: this is not the filter")
    if refused:
        sys.exit(f"{sys.argv[1]} imports what not every host offers: {', '.join(refused)}")
    print(f"{sys.argv[1]}: {len(imports)} imports, all of them offered by every host")


main()
