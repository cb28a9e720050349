"""Runs the example: provider, applications and Envoy, until Ctrl-C or until the check is done.

Started by `scripts/demo`, which builds the filter and installs what this needs.
"""

import argparse
import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import check

EXAMPLE = Path(__file__).resolve().parent
ROOT = EXAMPLE.parent.parent
STATE = ROOT / "target" / "demo"

PORTS = {"envoy": 10000, "provider": 10001, "application": 10002, "radicale": 10003}
ADDRESS = f"http://localhost:{PORTS['envoy']}/"
ISSUER = f"http://127.0.0.1:{PORTS['provider']}"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says
START_TIMEOUT = 60  # seconds: the slowest is the provider, which makes its database first

USERS = [
    {"user_name": "alice", "given_name": "Alice", "family_name": "Abel", "password": "alice-in-the-demo", "groups": ["staff", "finance"]},
    {"user_name": "bob", "given_name": "Bob", "family_name": "Baker", "password": "bob-in-the-demo", "groups": ["staff"]},
]


class DemoError(Exception):
    """What kept the demo from running, as a sentence for the person who started it."""


class Children:
    """The processes of the demo; leaving the block ends every one of them, by its pid."""

    def __init__(self):
        self.running = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # An impatient second Ctrl-C must not leave processes behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name, command, cwd=STATE, env=None):
        say(f"Starting {name} on port {PORTS[name]}")
        with open(log_of(name), "wb") as log:
            # A session of its own: Ctrl-C reaches this process only, which then ends the others in order.
            self.running[name] = subprocess.Popen(
                [str(part) for part in command], cwd=cwd, env=os.environ | (env or {}),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )

    def must_all_run(self):
        for name, process in self.running.items():
            if process.poll() is not None:
                raise DemoError(f"{name} ended with status {process.returncode}. The end of its log:\n{tail(log_of(name))}")

    def wait_for(self, url, accepts):
        """Asks `url` until `accepts` its body; an answer with another status than 200 counts as none."""
        deadline = time.monotonic() + START_TIMEOUT
        last = "no answer"
        while time.monotonic() < deadline:
            self.must_all_run()
            try:
                with DIRECT.open(url, timeout=5) as response:
                    if accepts(response.read()):
                        return
                    last = "an unexpected answer"
            except urllib.error.HTTPError as error:
                last = f"status {error.code}: {error.read(300).decode(errors='replace')}"
            except OSError as error:
                last = str(error)
            time.sleep(0.1)
        raise DemoError(f"{url} was not ready within {START_TIMEOUT} s ({last}). Logs: {relative(STATE)}/*.log")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--envoy", required=True, help="the Envoy binary")
    arguments = arguments.parse_args()
    # Also when a script started this in the background, where an interrupt is ignored by default.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with Children() as children:
            start(children, arguments.envoy)
            if arguments.check:
                check.run(ADDRESS, USERS, say)
                say("The demo works.")
            else:
                introduce()
                while True:
                    children.must_all_run()
                    time.sleep(0.5)
    except KeyboardInterrupt:
        say("\nStopped.")
    except check.Failed as failure:
        sys.exit(f"error: the demo does not work: {failure}\nLogs: {relative(STATE)}/*.log, {relative(STATE)}/access.log")
    except DemoError as error:
        sys.exit(f"error: {error}")


def start(children, envoy):
    for name, port in PORTS.items():
        must_be_free(name, port)
    shutil.rmtree(STATE, ignore_errors=True)
    STATE.mkdir(parents=True)
    client_secret = secrets.token_urlsafe(32)

    children.start("provider", [sys.executable, EXAMPLE / "provider.py"], env={
        "CANAILLE_CONFIG": str(EXAMPLE / "canaille.toml"),
        "SECRET_KEY": secrets.token_urlsafe(32),
        "GRANTS_PORTAL_SECRET": client_secret,
        "DEMO_USERS": json.dumps(USERS),
    })
    children.start("application", [sys.executable, EXAMPLE / "application.py", "--port", PORTS["application"]])
    children.start("radicale", [sys.executable, "-m", "radicale", "--config", EXAMPLE / "radicale.conf"])
    children.wait_for(f"{ISSUER}/.well-known/openid-configuration", lambda body: json.loads(body)["issuer"] == ISSUER)
    children.wait_for(f"http://127.0.0.1:{PORTS['application']}/", bool)
    children.wait_for(f"http://127.0.0.1:{PORTS['radicale']}/.web/", bool)

    children.start("envoy", [envoy, "--config-path", EXAMPLE / "envoy.yaml", "--concurrency", "2", "--use-dynamic-base-id", "--log-level", "warning", "--component-log-level", "wasm:info"], cwd=ROOT, env={
        "LATCHKEY_SESSION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "GRANTS_PORTAL_SECRET": client_secret,
    })
    children.wait_for(f"{ADDRESS}oauth2/ready", bool)


def must_be_free(name, port):
    # Without SO_REUSEADDR a port that was in use a moment ago would count as busy.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"port {port} is needed for {name} and is in use. Is another demo running? End that program and start again.") from error


def introduce():
    say(f"\nOpen {ADDRESS} and sign in as one of:\n")
    for user in USERS:
        say(f"  {user['user_name']:6} password {user['password']:18} groups {', '.join(user['groups'])}")
    say(
        f"\n  {ADDRESS}           greets by name and shows the headers that the application received"
        f"\n  {ADDRESS}finance/   for the group finance only"
        f"\n  {ADDRESS}radicale/  Radicale, an application from somebody else that trusts X-Remote-User"
        f"\n  {ADDRESS}public/    needs no session"
        f"\n\nLogs are in {relative(STATE)}. Ctrl-C stops everything."
    )


def say(text):
    print(text, flush=True)


def log_of(name):
    return STATE / f"{name}.log"


def tail(path, lines=15):
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def relative(path):
    return path.relative_to(ROOT)


if __name__ == "__main__":
    main()
