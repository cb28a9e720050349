"""How long the backend of examples/signed-identity trusts a key. Time moves because the test moves it.

Usage: python signed_identity.py, with joserfc installed; envoy/tests/signed_identity.rs runs it.
"""

import io
import json
import pathlib
import sys
import unittest
from email.message import Message

from joserfc import jwt
from joserfc.jwk import ECKey

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples" / "signed-identity"))
import backend  # noqa: E402


class Latchkey:
    """Publishes keys, and counts how often it is asked."""

    def __init__(self, *kids):
        self.keys = {kid: ECKey.generate_key("P-256", {"kid": kid}) for kid in kids}
        self.published = list(kids)
        self.cache_control = "public, max-age=300"
        self.fetches = 0

    def open(self, url, timeout):
        self.fetches += 1
        if self.published is None:
            raise OSError("refused")
        body = json.dumps({"keys": [self.keys[kid].as_dict(private=False) for kid in self.published]})
        answer = io.BytesIO(body.encode())
        answer.headers = Message()
        if self.cache_control:
            answer.headers["Cache-Control"] = self.cache_control
        return answer

    def signs(self, kid, named=None):
        claims = {"iss": "https://portal.example.org", "aud": "orders", "sub": "alice", "iat": 1_700_000_000, "exp": 9_999_999_999}
        header = {"alg": "ES256", "typ": "latchkey-assertion+jwt", "kid": named or kid}
        return jwt.encode(header, claims, self.keys[kid], algorithms=["ES256"])


class Trust(unittest.TestCase):
    def setUp(self):
        self.latchkey = Latchkey("old", "new")
        self.now = 1000.0
        self.saved = backend.DIRECT, backend.time
        backend.DIRECT = self.latchkey
        # A clock for the keys, and none for the times in assertions.
        backend.time = type("Clock", (), {"monotonic": staticmethod(lambda: self.now)})
        self.verifier = backend.Verifier("http://latchkey/keys", "https://portal.example.org", "orders")

    def tearDown(self):
        backend.DIRECT, backend.time = self.saved

    def believes(self, assertion):
        try:
            return self.verifier.verify(assertion)["sub"] == "alice"
        except backend.NotBelieved:
            return False

    def test_a_withdrawn_key_is_trusted_for_max_age_and_no_longer(self):
        assertion = self.latchkey.signs("old")
        self.assertTrue(self.believes(assertion))
        self.latchkey.published = ["new"]
        self.now += 299
        self.assertTrue(self.believes(assertion))
        self.assertEqual(self.latchkey.fetches, 1)
        self.now += 1
        self.assertFalse(self.believes(assertion))
        self.assertTrue(self.believes(self.latchkey.signs("new")))
        self.assertEqual(self.latchkey.fetches, 2)

    def test_without_max_age_and_with_a_very_long_one_there_is_an_end_too(self):
        for cache_control, seconds in [("", 300), ("no-cache", 300), ("max-age=60", 60), ("max-age=999999999", 3600)]:
            self.latchkey.cache_control = cache_control
            self.latchkey.published = ["old"]
            self.now += 10_000
            assertion = self.latchkey.signs("old")
            self.assertTrue(self.believes(assertion))
            self.latchkey.published = ["new"]
            self.now += seconds - 1
            self.assertTrue(self.believes(assertion), cache_control)
            self.now += 1
            self.assertFalse(self.believes(assertion), cache_control)

    def test_keys_that_cannot_be_renewed_are_trusted_no_longer(self):
        assertion = self.latchkey.signs("old")
        self.assertTrue(self.believes(assertion))
        self.latchkey.published = None
        self.now += 300
        for _ in range(60):
            self.assertFalse(self.believes(assertion))
        self.assertEqual(self.latchkey.fetches, 2)
        self.latchkey.published = ["old"]
        self.now += 2
        self.assertTrue(self.believes(assertion))

    def test_sixty_forged_kids_cause_one_fetch(self):
        self.assertTrue(self.believes(self.latchkey.signs("old")))
        self.now += 2
        for number in range(60):
            self.assertFalse(self.believes(self.latchkey.signs("old", f"forged-{number}")))
        self.assertEqual(self.latchkey.fetches, 2)

    def test_a_new_key_is_found_at_once(self):
        self.latchkey.published = ["old"]
        self.assertTrue(self.believes(self.latchkey.signs("old")))
        self.latchkey.published = ["new", "old"]
        self.now += 2
        self.assertTrue(self.believes(self.latchkey.signs("new")))


if __name__ == "__main__":
    unittest.main()
