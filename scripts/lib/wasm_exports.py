"""Leaves a WebAssembly module only the exports that are named.

Usage: python3 wasm_exports.py MODULE NAME…

The SDK exports every callback of the proxy-wasm ABI, and a host calls each that it finds: for a response's body, for the log, for
a connection. A callback that does nothing still costs a request a crossing, so what is not used is not exported. A name that the
module does not export is an error: it was renamed.
"""

import sys

EXPORT_SECTION = 7


def number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number (WebAssembly core specification, section 5.2.2), and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def encoded(value: int) -> bytes:
    encoding = bytearray()
    while value >= 0x80:
        encoding.append(value & 0x7F | 0x80)
        value >>= 7
    encoding.append(value)
    return bytes(encoding)


def exports(section: bytes):
    """The exports of a section (5.5.10): each one's name and encoding."""
    count, at = number(section, 0)
    for _ in range(count):
        start = at
        length, at = number(section, at)
        name = section[at : at + length].decode()
        _, at = number(section, at + length + 1)
        yield name, section[start:at]


def main() -> None:
    if len(sys.argv) < 3 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    path, wanted = sys.argv[1], set(sys.argv[2:])
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\0asm\x01\0\0\0":
        sys.exit(f"{path} is not a WebAssembly module")
    kept, at, module = {}, 8, bytearray(data[:8])
    while at < len(data):
        start = at
        size, body = number(data, at + 1)
        at = body + size
        if data[start] != EXPORT_SECTION:
            module += data[start:at]
            continue
        kept = {name: encoding for name, encoding in exports(data[body:at]) if name in wanted}
        section = encoded(len(kept)) + b"".join(kept.values())
        module += bytes([EXPORT_SECTION]) + encoded(len(section)) + section
    if missing := wanted - kept.keys():
        sys.exit(f"{path} does not export {', '.join(sorted(missing))}")
    with open(path, "wb") as file:
        file.write(module)
    print(f"{path}: {len(kept)} exports")


main()
