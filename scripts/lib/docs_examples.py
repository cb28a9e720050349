"""Tries every configuration and every command of the documentation. See scripts/docs --help.

Each fenced block says after its language what is tried:

    yaml latchkey [FILE]     a complete configuration: `latchkey check` takes it; FILE: the commands of the page find it under this name
    yaml latchkey part       its top-level keys, in place of those of docs/reference/base.yaml
    yaml envoy part          a part of an Envoy configuration, put into docs/reference/envoy.yaml: Envoy takes it
    sh run                   a command, run in a folder of the page with `latchkey`, `envoy` and `skopeo` on PATH: it exits with 0
    sh fails                 the same, and it exits with something else
    toml file NAME           a file that the commands of the page find under this name
    sh demo                  the same as run, while the demo of examples/legacy-application is running
    text output              what the command before it printed, among other things; `…` stands for anything
    text shown               something to look at: a picture, a log line, an answer

The commands of a page find `openid-configuration.json` (docs/reference), `latchkey.wasm` and `dist/release/latchkey-VERSION.oci.tar` as
well, those of an example its own files.
A page is one shell, and a clean one: its commands have the variables that commands before them have exported, and no secrets else.
`<!-- not tried: why -->` above a block says that it cannot be tried here.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
EXAMPLE = ROOT / "examples" / "legacy-application"
DOCUMENTS = ["*.md", "docs/**/*.md", "examples/**/README.md"]
FENCE = re.compile(r"^( *)(```+|~~~+) *(.*)$")
NOT_TRIED = re.compile(r"<!-- not tried: (.+) -->")
SECRETS = {  # For parts of Envoy's configuration, which have no command: the shape is right, the value is nobody's.
    "LATCHKEY_SESSION_KEY": "H3gX19lShk+re+O2RpGji2Fkx/+m8H5LnwdIvOtYSh0=",
    "CORP_CLIENT_SECRET": "not-a-secret",
    "PARTNER_CLIENT_SECRET": "not-a-secret",
}


class Failed(Exception):
    """What is wrong with a block."""


class Block:
    """A fenced block and where it stands."""

    def __init__(self, page, line, words, text, reason):
        self.page, self.line, self.text, self.reason = page, line, text, reason
        self.language, *self.kind = words

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks_of(page):
    """The blocks of a page, in order."""
    lines = (ROOT / page).read_text().splitlines()
    number = 0
    above = ""
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if not opening:
            above = lines[number] if lines[number].strip() else above
            number += 1
            continue
        indent, fence, info = opening.groups()
        first = number
        number += 1
        text = []
        while number < len(lines) and lines[number].strip() != fence:
            text.append(lines[number].removeprefix(indent))
            number += 1
        number += 1
        reason = NOT_TRIED.search(above)
        yield Block(page, first + 1, info.split() or [""], "\n".join(text) + "\n", reason and reason[1])
        above = ""


def sections(text):
    """A YAML text by its top-level keys, comments with the key that follows."""
    found, name, waiting = {}, None, []
    for line in text.splitlines(keepends=True):
        key = re.match(r"([A-Za-z_]+):", line)
        if key:
            name = key[1]
            found[name] = waiting + [line]
            waiting = []
        elif line.startswith("#"):
            waiting.append(line)
        elif name:
            found[name] += waiting + [line]
            waiting = []
    return {name: "".join(lines) for name, lines in found.items()}


def indented(text, prefix):
    return "".join(prefix + line if line.strip() else line for line in text.splitlines(keepends=True))


class Trial:
    """Tries the blocks of one page, in a folder of its own."""

    def __init__(self, page, folder, latchkey, envoy, skopeo, release):
        self.page, self.folder, self.latchkey, self.envoy = page, folder, latchkey, envoy
        self.printed = None
        if page.startswith("examples/"):
            shutil.copytree((ROOT / page).parent, folder, dirs_exist_ok=True)
        shutil.copy(REFERENCE / "openid-configuration.json", folder)
        (folder / "latchkey.wasm").symlink_to(ROOT / "dist" / "latchkey.wasm")
        (folder / "dist").mkdir()
        (folder / "dist" / "release").symlink_to(release)
        programs = folder.with_suffix(".programs")
        programs.mkdir()
        (programs / "latchkey").symlink_to(latchkey)
        (programs / "envoy").symlink_to(pathlib.Path(envoy).resolve())
        (programs / "skopeo").symlink_to(pathlib.Path(skopeo).resolve())
        self.exported = folder.with_suffix(".exported")
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder), "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
        }

    def do(self, block):
        printed, self.printed = self.printed, None
        match block.language, block.kind:
            case "yaml" | "json", ["latchkey", "part"]:
                self.check(sections((REFERENCE / "base.yaml").read_text()) | sections(block.text))
            case "yaml" | "json", ["latchkey", *names]:
                for name in names:
                    (self.folder / name).write_text(block.text)
                self.check({"": block.text})
            case _, ["file", name]:
                (self.folder / name).write_text(block.text)
            case "yaml", ["envoy", "part"]:
                self.validate(sections(block.text))
            case "sh", ["run" | "demo"]:
                self.printed = self.run(block.text, fails=False)
            case "sh", ["fails"]:
                self.printed = self.run(block.text, fails=True)
            case _, ["output"]:
                self.compare(block.text, printed)
            case "text" | "json" | "http", ["shown"]:
                pass
            case _ if block.reason:
                return False
            case language, kind:
                raise Failed(f"`{' '.join([language, *kind])}` says nothing of how it is tried (scripts/lib/docs_examples.py)")
        return True

    def check(self, parts):
        document = self.folder / "checked.yaml"
        document.write_text("".join(parts.values()))
        self.command([self.latchkey, "check", document])

    def validate(self, parts):
        """Envoy takes the parts, and the filter the configuration in them."""
        document = (REFERENCE / "envoy.yaml").read_text()
        for name, part in parts.items():
            mark = re.search(rf"^( *){name}:.*\n(?:\1[ -].*\n)*", document, re.MULTILINE)
            if not mark:
                raise Failed(f"docs/reference/envoy.yaml has no place for `{name}`")
            document = document[:mark.start()] + indented(part, mark[1]) + document[mark.end():]
        path = self.folder / "envoy.yaml"
        path.write_text(document)
        self.command([self.envoy, "--mode", "validate", "--log-level", "error", "-c", path], cwd=ROOT, secrets=SECRETS)
        for part in parts.values():
            inner = re.search(r'^( *)"@type": type\.googleapis\.com/google\.protobuf\.Struct\n\1value:\n((?:\1 +.*\n|\n)+)', part, re.MULTILINE)
            if inner:
                self.check({"": inner[2]})

    def run(self, text, fails):
        # However it ends, it says what it has exported.
        printed = self.command(["bash", "-euo", "pipefail", "-c", f"trap 'env -0 >\"{self.exported}\"' EXIT\n{text}"], fails=fails)
        exported = dict(variable.split("=", 1) for variable in self.exported.read_text().split("\0") if variable)
        self.environment = {name: value for name, value in exported.items() if name not in ("_", "OLDPWD", "PWD", "SHLVL")}
        return printed

    def command(self, words, fails=False, cwd=None, secrets={}):
        ended = subprocess.run(
            [str(word) for word in words], cwd=cwd or self.folder, env=self.environment | secrets, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120,
        )
        if (ended.returncode != 0) != fails:
            raise Failed(f"exit status {ended.returncode}:\n{ended.stdout}")
        return ended.stdout

    def compare(self, text, printed):
        if printed is None:
            raise Failed("no command stands before this output")
        position = 0
        for line in filter(str.strip, text.splitlines()):
            pattern = ".*".join(re.escape(part) for part in line.strip().split("…"))
            found = re.compile(rf"^[ \t]*{pattern}[ \t]*\r?$", re.MULTILINE).search(printed, position)
            if not found:
                raise Failed(f"`{line}` is not what was printed, in this order:\n{printed}")
            position = found.end()


def pack(folder):
    """The module as images, as scripts/release packs it."""
    folder.mkdir()
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    archive = folder / f"latchkey-{version}.oci.tar"
    packer = [sys.executable, ROOT / "scripts" / "lib" / "oci.py", ROOT / "dist" / "latchkey.wasm", version, "0" * 40, archive]
    subprocess.run(packer, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def demo(envoy):
    """The example of README's two commands, up and running."""
    process = subprocess.Popen(
        [sys.executable, "-B", EXAMPLE / "run.py", "--envoy", envoy], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C stops everything" in line:
                break
        else:
            raise Failed(f"the demo did not start:\n{''.join(said)}")
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def main():
    envoy, skopeo = sys.argv[1:]
    latchkey = pathlib.Path(os.environ.get("LATCHKEY") or ROOT / "dist" / "latchkey")
    if not latchkey.exists():
        sys.exit("error: dist/latchkey is missing: scripts/build makes it")
    pages = sorted({str(path.relative_to(ROOT)) for pattern in DOCUMENTS for path in ROOT.glob(pattern)} - {"docs/assurance.md"})
    blocks = {page: list(blocks_of(page)) for page in pages}
    tried = failed = left = 0
    needs_demo = any(block.kind == ["demo"] for found in blocks.values() for block in found)
    with contextlib.ExitStack() as running, tempfile.TemporaryDirectory() as scratch:
        if needs_demo:
            print("Starting the demo", flush=True)
            running.enter_context(demo(envoy))
        release = pathlib.Path(scratch) / "release"
        pack(release)
        for page, found in blocks.items():
            folder = pathlib.Path(scratch) / page.replace("/", "-")
            folder.mkdir()
            trial = Trial(page, folder, latchkey.resolve(), envoy, skopeo, release)
            for block in found:
                try:
                    if trial.do(block):
                        tried += 1
                    else:
                        left += 1
                        print(f"not tried: {block}: {block.reason}")
                except (Failed, subprocess.TimeoutExpired) as failure:
                    failed += 1
                    print(f"FAILED: {block}: {failure}", file=sys.stderr)
            shutil.rmtree(folder)
    print(f"{tried} blocks hold in {len(pages)} pages, {left} declared as not tried, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
