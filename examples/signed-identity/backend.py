"""A backend that does not trust the network: it believes who somebody is only when Latchkey has signed it.

    pip install joserfc==1.8.0
    python backend.py --port 10002 --keys http://127.0.0.1:10000/oauth2/jwks.json \
        --issuer http://localhost:10000 --audience orders
"""

import argparse
import json
import re
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

HEADER = "X-Latchkey-Assertion"
TYPE = "latchkey-assertion+jwt"
CLOCK_SKEW = 30  # seconds that the clocks of Latchkey and this machine may differ
SHORTEST_PAUSE = 2  # seconds between two fetches of the keys, however many keys somebody makes up
DEFAULT_AGE = 300  # seconds that keys are good for when the answer does not say it (cache-control: max-age)
LONGEST_AGE = 3600  # the same, whatever the answer says: how long a withdrawn key can go on
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says


class NotBelieved(Exception):
    """Why nobody is known."""


class Verifier:
    """Verifies assertions of one Latchkey for one audience."""

    def __init__(self, keys_url, issuer, audience):
        self.keys_url = keys_url
        self.claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        self.keys = KeySet([])
        self.good_until = self.next_fetch = float("-inf")
        self.lock = threading.Lock()

    def verify(self, assertion):
        """The claims of an assertion that can be believed."""
        try:
            token = jwt.decode(assertion, self._key_for, algorithms=["ES256"])
            if token.header.get("typ") != TYPE:
                raise NotBelieved("a JWT of another type")
            self.claims.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise NotBelieved(type(error).__name__) from error
        return token.claims

    def _key_for(self, jws):
        """The key that a header names, among keys that are not too old: so Latchkey's key can be withdrawn, or change at any time."""
        kid = jws.headers().get("kid")
        if not kid:
            raise NotBelieved("no key is named")
        with self.lock:
            now = time.monotonic()
            is_known = any(key.kid == kid for key in self.keys)
            # An unknown one may be new.
            if (now >= self.good_until or not is_known) and now >= self.next_fetch:
                self.next_fetch = now + SHORTEST_PAUSE
                self._fetch(now)
            if now >= self.good_until:
                raise NotBelieved("the keys are too old")
            return self.keys.get_by_kid(kid)

    def _fetch(self, now):
        try:
            with DIRECT.open(self.keys_url, timeout=5) as response:
                self.keys = KeySet.import_key_set(json.load(response))
                self.good_until = now + age(response.headers.get("Cache-Control", ""))
        except (OSError, ValueError, JoseError) as error:
            print(f"no keys at {self.keys_url}: {error}", flush=True)


def age(cache_control):
    """How many seconds an answer with this header is good for."""
    found = re.search(r"\bmax-age=(\d{1,9})\b", cache_control)
    return min(int(found[1]), LONGEST_AGE) if found else DEFAULT_AGE


class Application(BaseHTTPRequestHandler):
    """Says whom it serves, or refuses."""

    verifier = None
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        # Latchkey sends one, and deletes all others.
        assertions = self.headers.get_all(HEADER, [])
        try:
            if len(assertions) != 1:
                raise NotBelieved("no assertion")
            claims = self.verifier.verify(assertions[0])
        except NotBelieved as reason:
            print(f"refused {self.path}: {reason}", flush=True)
            return self._answer(401, {"error": "not authenticated"})
        who = {name: claims.get(name) for name in ("sub", "email", "provider", "credential")}
        return self._answer(200, {"hello": who, "path": self.path})

    def _answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # it would print queries


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=10002)
    parser.add_argument("--keys", required=True, help="where Latchkey publishes its keys")
    parser.add_argument("--issuer", required=True, help="`iss`: which Latchkey")
    parser.add_argument("--audience", required=True, help="`aud`: this backend")
    arguments = parser.parse_args()
    Application.verifier = Verifier(arguments.keys, arguments.issuer, arguments.audience)
    print(f"listening on 127.0.0.1:{arguments.port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", arguments.port), Application).serve_forever()


if __name__ == "__main__":
    main()
