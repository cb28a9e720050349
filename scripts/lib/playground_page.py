"""Makes one page of the playground's parts. See scripts/playground --help.

Usage: python3 playground_page.py BINDINGS MODULE PAGE

What is in the page may run, by its hash; nothing else may, and no connection may be opened (Content Security Policy Level 3).
"""

import base64
import gzip
import hashlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ROOT / "cli" / "playground" / "page"


def source(text):
    """A text as a source of a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def samples():
    """What the page begins with, with the files in place of their names."""
    found = json.loads((PARTS / "samples.json").read_text())
    for sample in found:
        sample["configuration"] = (ROOT / sample.pop("file")).read_text()
    # In an element of HTML `<` begins markup.
    return json.dumps(found).replace("<", "\\u003c")


def main():
    bindings, module, page = map(pathlib.Path, sys.argv[1:])
    style = (PARTS / "playground.css").read_text()
    script = bindings.read_text() + (PARTS / "playground.js").read_text()
    for name, text in [("style", style), ("script", script)]:
        if f"</{name}" in text:
            sys.exit(f"error: the {name} ends its own element")
    parts = {
        "policy": f"default-src 'none'; style-src {source(style)}; script-src {source(script)} 'wasm-unsafe-eval'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "samples": samples(),
        "module": base64.b64encode(gzip.compress(module.read_bytes(), mtime=0)).decode(),
    }
    # Cut first and joined then: what is put in is not read again.
    pieces = (PARTS / "playground.html").read_text().split("{{")
    text = pieces[0]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        text += parts.pop(name) + rest
    if parts:
        sys.exit(f"error: the page has no place for {', '.join(parts)}")
    page.write_text(text)


if __name__ == "__main__":
    main()
