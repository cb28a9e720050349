"""Writes docs/assurance.md from docs/promises.json, target/test-results and target/figures. See scripts/report --help."""

import datetime
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

RESULTS = pathlib.Path("target/test-results")
FIGURES = pathlib.Path("target/figures")
PROMISES = pathlib.Path("docs/promises.json")
REPORT = pathlib.Path("docs/assurance.md")

# The test binaries that run the scenarios, and what the report calls them.
RINGS = {
    "wasm-host-tests::core": "core",
    "wasm-host-tests::wasm": "module",
    "envoy-ring::scenarios": "Envoy",
}
VERDICT = re.compile(r"^ +(PASS|SLOW|FAIL|TIMEOUT|SIGABRT|SIGSEGV|TRY \d+ \w+) \[ *[\d.]+s\] \( *\d+/\d+\) (\S+) (\S+)")
SCENARIO = re.compile(r"^ *done (\w+)$")
DECLARED = re.compile(r"^ *declared, not run: (\w+) needs \[([^]]*)\]")
FIGURE = re.compile(r"figure: ([\w.-]+) = (.+)$")
SUITE = re.compile(r"^ +Summary \[.*?(\d+) tests? run: (\d+) passed")


class Results:
    """What ran and came out well: tests by binary, scenarios by ring, and what was measured."""

    def __init__(self):
        self.tests = {}
        self.failed = set()
        self.scenarios = {}
        self.figures = {}
        self.suites = {}

    def read(self, log):
        theme = None
        declared = {}
        for line in log.read_text(errors="replace").splitlines():
            if verdict := VERDICT.match(line):
                status, binary, test = verdict.groups()
                self.verdict(status, binary, test)
                theme = test if RINGS.get(binary) == "Envoy" else None
                declared = {}
            elif found := DECLARED.match(line):
                declared[found[1]] = found[2]
            elif theme and (found := SCENARIO.match(line)):
                outcome = f"declared, needs {declared[found[1]]}" if found[1] in declared else "ran"
                self.scenarios.setdefault(f"{theme}::{found[1]}", {})["Envoy"] = outcome
            elif found := SUITE.match(line):
                self.suites[log.stem] = f"{found[2]} of {found[1]} tests passed"
            if found := FIGURE.search(line):
                self.figures[found[1]] = found[2].strip()

    def verdict(self, status, binary, test):
        # A slow test passed, too, and one that was allowed another try.
        if status not in ("PASS", "SLOW") and not status.endswith(" PASS"):
            self.failed.add((binary, test))
            return
        self.failed.discard((binary, test))
        self.tests.setdefault(binary, set()).add(test)
        ring = RINGS.get(binary)
        if ring and ring != "Envoy":
            self.scenarios.setdefault(test, {})[ring] = "ran"

    def scenarios_like(self, pattern):
        return {name: rings for name, rings in self.scenarios.items() if fnmatch.fnmatchcase(name, pattern)}

    def tests_like(self, binary, pattern):
        return sorted(name for name in self.tests.get(binary, ()) if fnmatch.fnmatchcase(name, pattern))


def kept_by(reference, results, problems):
    """How the report names a test: `binary test`, or `theme::scenario` for what runs in all rings; both may have a `*`."""
    binary, _, test = reference.rpartition(" ")
    if binary:
        found = results.tests_like(binary, test)
        broken = [name for name in results.failed if name[0] == binary and fnmatch.fnmatchcase(name[1], test)]
        if not found or broken:
            problems.append(f"no test that passed: {reference}")
        return f"`{reference}`" + (f" ({len(found)} tests)" if "*" in test else "")
    found = results.scenarios_like(reference)
    if not found:
        problems.append(f"no scenario that ran: {reference}")
        return f"`{reference}`"
    where = []
    for ring in RINGS.values():
        outcomes = [rings.get(ring) for rings in found.values()]
        ran = outcomes.count("ran")
        if None in outcomes:
            missing = next(name for name, rings in found.items() if ring not in rings)
            problems.append(f"not run in the ring {ring}: {missing}")
        if ran == len(outcomes):
            where.append(ring)
        elif len(outcomes) == 1:
            where.append(f"{ring}: {outcomes[0]}")
        else:
            where.append(f"{ring}: {ran}, the others declared")
    count = f"{len(found)} scenarios; " if "*" in reference else ""
    return f"`{reference}` ({count}{', '.join(where)})"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def report(results, sections, problems, needs_figures):
    commit = output("git", "rev-parse", "--short", "HEAD")
    parts = [
        "# Assurance",
        "Every promise, the tests that keep it, and what was measured. Written by `scripts/report` from a run of `scripts/test`\n"
        f"at commit {commit} on {datetime.date.today().isoformat()}; not edited by hand. The threat model is in "
        "[SECURITY.md](../SECURITY.md).",
        "A scenario runs in three rings: the *core* natively in virtual time, the release *module* in wasmtime with a fake proxy\n"
        "that keeps state, and the module in real *Envoy*. What a ring cannot offer is declared by the run, and named here.",
        "## The run",
        table(["suite", "result"], sorted(results.suites.items())),
    ]
    named = set()
    for section in sections:
        rows = []
        for promise in section["promises"]:
            keys = promise.get("figures", [])
            named.update(keys)
            missing = [key for key in keys if key not in results.figures]
            if needs_figures:
                problems.extend(f"no figure: {key}" for key in missing)
            tests = "<br>".join(kept_by(reference, results, problems) for reference in promise["tests"])
            measured = "<br>".join(results.figures[key] for key in keys if key in results.figures)
            rows.append([promise["promise"], tests, measured])
        parts += [f"## {section['section']}", table(["promise", "kept by", "measured"], rows)]
    further = sorted((key, text) for key, text in results.figures.items() if key not in named)
    if further:
        parts += ["## Further figures", table(["figure", "measured"], [[f"`{key}`", text] for key, text in further])]
    return "\n\n".join(parts) + "\n"


def main():
    is_check = sys.argv[1:] == ["--check"]
    results = Results()
    logs = sorted(RESULTS.glob("*.log")) + sorted(FIGURES.glob("*.log"))
    for log in logs:
        results.read(log)
    if not results.tests:
        sys.exit("scripts/report: FAILED: target/test-results has no tests: run scripts/test, with cargo-nextest installed")
    sections = json.loads(PROMISES.read_text())
    problems = []
    text = report(results, sections, problems, needs_figures=not is_check)
    if problems:
        sys.exit("\n".join(["scripts/report: FAILED:", *sorted(set(problems))]))
    promises = sum(len(section["promises"]) for section in sections)
    if is_check:
        print(f"scripts/report: {promises} promises, each kept by tests that ran")
        return
    REPORT.write_text(text)
    print(f"scripts/report: wrote {REPORT}: {promises} promises")


main()
