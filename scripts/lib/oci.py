"""Packs a WebAssembly module as OCI images: an OCI image layout in a tar archive, the same bytes for the same input.

Usage: python3 oci.py MODULE VERSION REVISION ARCHIVE

The archive has two images, for Istio's and Envoy Gateway's fetchers and for registries that take ordinary images only:
  VERSION          the Wasm image specification's own layers (https://github.com/solo-io/wasm, spec/spec.md): the module as it is,
                   and what it runs in. Istio wants exactly these two.
  VERSION-compat   the same as if built FROM scratch (spec/spec-compat.md): one layer, a tar with plugin.wasm.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
RUNTIME = {"type": "envoy_proxy", "abiVersions": ["v0.2.1"], "config": {}}


class Layout:
    """An OCI image layout (image-spec v1.1, image-layout.md)."""

    def __init__(self):
        self.blobs = {}
        self.manifests = []

    def blob(self, media_type: str, content: bytes, annotations: dict = {}) -> dict:
        """Keeps a blob; its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.blobs[digest] = content
        descriptor = {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
        return {**descriptor, "annotations": annotations} if annotations else descriptor

    def image(self, tag: str, config: dict, layers: list, annotations: dict) -> None:
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, "annotations": annotations}
        self.manifests.append(self.blob(MANIFEST, encoded(manifest), {"org.opencontainers.image.ref.name": tag}))

    def archive(self) -> bytes:
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": self.manifests}
        files = {"oci-layout": encoded({"imageLayoutVersion": "1.0.0"}), "index.json": encoded(index)}
        files.update({f"blobs/sha256/{digest}": content for digest, content in sorted(self.blobs.items())})
        return tar(files)


def encoded(document: dict) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def tar(files: dict) -> bytes:
    """A tar archive that says nothing about when, where and by whom it was made."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def main() -> None:
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    path, version, revision, archive = sys.argv[1:]
    with open(path, "rb") as file:
        module = file.read()
    about = {
        "org.opencontainers.image.title": "latchkey",
        "org.opencontainers.image.description": "OpenID Connect relying party for Envoy",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": revision,
    }
    layout = Layout()

    code = layout.blob(
        "application/vnd.module.wasm.content.layer.v1+wasm", module, {"org.opencontainers.image.title": "latchkey.wasm"}
    )
    runtime = layout.blob("application/vnd.module.wasm.config.v1+json", encoded(RUNTIME))
    named = {**runtime, "annotations": {"org.opencontainers.image.title": "runtime-config.json"}}
    layout.image(version, runtime, [code, named], about)

    contents = tar({"plugin.wasm": module})
    layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(contents, mtime=0))
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(contents).hexdigest()}"]}
    # No operating system, no processor; the specification wants both named.
    config = {"architecture": "wasm", "os": "wasip1", "config": {}, "rootfs": rootfs}
    config = layout.blob("application/vnd.oci.image.config.v1+json", encoded(config))
    layout.image(f"{version}-compat", config, [layer], {**about, "module.wasm.image/variant": "compat"})

    with open(archive, "wb") as file:
        file.write(layout.archive())
    for manifest in layout.manifests:
        print(f"{archive}: {manifest['annotations']['org.opencontainers.image.ref.name']} {manifest['digest']}")


main()
