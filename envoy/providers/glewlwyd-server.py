"""Glewlwyd (https://babelouest.github.io/glewlwyd) with two users and a client for each thing that is tried.

Run in a folder of its own, where its database is made; `root` is where its Debian package is unpacked, `keys` has private keys
as JWKs, and `slash` ends its external URL:
  python glewlwyd-server.py '{"root": "…", "keys": "…", "port": 12000, "application": "http://localhost:12001", "slash": ""}'
"""

import gzip
import http.cookiejar
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

CONFIGURATION = """
port={port}
bind_address="127.0.0.1"
external_url="{origin}{slash}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="INFO"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=3600
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{root}/usr/lib/glewlwyd/user"
user_middleware_module_path="{folder}/middleware"
client_module_path="{root}/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="{root}/usr/lib/glewlwyd/scheme"
plugin_module_path="{root}/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database={{ type="sqlite3"; path="{folder}/glewlwyd.db"; }};
"""

SCOPES = ["openid", "staff", "orders"]
USERS = {"alice": ["openid", "staff", "orders"], "bob": ["openid", "orders"]}


def key(given, name, kid, alg):
    with open(f"{given['keys']}/{name}.json") as file:
        return json.load(file) | {"kid": kid, "alg": alg, "use": "sig"}


def plugin(given):
    keys = {"keys": [key(given, "rsa", "rsa", "RS256"), key(given, "p256", "ec", "ES256"), key(given, "ed25519", "ed", "EdDSA")]}
    return {
        "module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "enabled": True, "order_rank": 0,
        "parameters": {
            "iss": f"{origin(given)}/api/oidc", "subject-type": "public",
            "jwks-private": json.dumps(keys), "jwks-show": True, "default-kid": "rsa", "client-sign_kid-parameter": "sign_kid",
            "jwt-type": "rsa", "jwt-key-size": "256",
            "access-token-duration": 20, "refresh-token-duration": 600, "code-duration": 60,
            "refresh-token-rolling": True, "refresh-token-one-use": "always",
            "auth-type-code-enabled": True, "auth-type-client-enabled": True, "auth-type-refresh-enabled": True,
            "auth-type-code-revoke-replayed": True, "allow-non-oidc": True,
            "name-claim": "mandatory", "email-claim": "mandatory", "scope-claim": "mandatory",
            "pkce-allowed": True, "pkce-required": False, "pkce-method-plain-allowed": False,
            "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
            "resource-allowed": True, "resource-scope": {"orders": ["https://api.example.org"]},
            "request-parameter-allow": True, "request-maximum-exp": 3600, "client-pubkey-parameter": "pubkey",
            "session-management-allowed": True, "session-cookie-name": "GLEWLWYD2_OIDC_SID", "session-cookie-expiration": 3600,
            "back-channel-logout-allowed": True, "front-channel-logout-allowed": True,
            "oauth-par-allowed": True, "oauth-par-duration": 90, "oauth-par-request_uri-prefix": "urn:ietf:params:oauth:request_uri:",
            "oauth-as-iss-id": True,
        },
    }


def clients(given):
    application = given["application"]
    with open(f"{given['keys']}/p256-public.pem") as file:
        public = file.read()
    common = {
        "enabled": True, "confidential": True, "redirect_uri": [f"{application}/oauth2/callback"],
        "post_logout_redirect_uris": [f"{application}/"], "scope": ["orders"],
        "authorization_type": ["code", "refresh_token"],
        "backchannel_logout_uri": f"{application}/oauth2/backchannel-logout",
    }
    def client(client_id, **more):
        secret = {"client_secret": f"the-secret-of-{client_id}"}
        return {"client_id": client_id, "name": client_id, **common, **secret, **more}
    return [
        client("portal", token_endpoint_auth_method=["client_secret_basic"]),
        client("es256", token_endpoint_auth_method=["client_secret_post"], sign_kid="ec", client_secret="a secret: with/special+characters%"),
        # It does not decode what came by Basic authentication (RFC 6749 §2.3.1).
        client("special", token_endpoint_auth_method=["client_secret_basic"], client_secret="a secret: with/special+characters%"),
        client("eddsa", token_endpoint_auth_method=["client_secret_basic"], sign_kid="ed"),
        client("assertion", token_endpoint_auth_method=["private_key_jwt"], pubkey=public),
    ]


def origin(given):
    return f"http://127.0.0.1:{given['port']}"


def make_database(root):
    with gzip.open(f"{root}/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz", "rt") as script:
        with sqlite3.connect("glewlwyd.db") as database:
            database.executescript(script.read())
            # What a client may say of itself is a list in the database.
            (known,) = database.execute("SELECT gcmi_parameters FROM g_client_module_instance").fetchone()
            known = json.loads(known)
            for name in ["sign_kid", "post_logout_redirect_uris", "backchannel_logout_uri"]:
                known["data-format"].setdefault(name, {"multiple": name.endswith("uris"), "read": True, "write": True})
            database.execute("UPDATE g_client_module_instance SET gcmi_parameters = ?", [json.dumps(known)])


class Api:
    def __init__(self, address):
        self.address = f"{address}/api"
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def call(self, method, path, document):
        request = urllib.request.Request(
            self.address + path, json.dumps(document).encode(), {"content-type": "application/json"}, method=method
        )
        try:
            with self.opener.open(request, timeout=15) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read().decode()}")


def wait_for(address, process):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"glewlwyd ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"{address}/config", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit("glewlwyd does not listen")


def configure(given):
    api = Api(origin(given))
    api.call("POST", "/auth/", {"username": "admin", "password": "password"})
    for name in SCOPES[1:]:
        api.call("POST", "/scope/", {"name": name, "display_name": name, "description": name, "password_required": True})
    for name, scopes in USERS.items():
        api.call("POST", "/user/", {
            "username": name, "name": f"{name.title()} Example", "email": f"{name}@example.org", "enabled": True,
            "password": f"the password of {name}", "scope": scopes,
        })
    api.call("POST", "/mod/plugin/", plugin(given))
    for client in clients(given):
        api.call("POST", "/client/", client)
        # Who wants nothing else is asked for no consent.
        for name in USERS:
            user = Api(origin(given))
            user.call("POST", "/auth/", {"username": name, "password": f"the password of {name}"})
            user.call("PUT", f"/auth/grant/{client['client_id']}/", {"scope": " ".join(USERS[name])})


def main():
    given = json.loads(sys.argv[1])
    root = given["root"]
    os.mkdir("middleware")
    make_database(root)
    with open("glewlwyd.conf", "w") as file:
        file.write(CONFIGURATION.format(folder=os.getcwd(), origin=origin(given), **given))
    command = [f"{root}/bin/glewlwyd", "--config-file=glewlwyd.conf"]
    process = subprocess.Popen(command)
    try:
        wait_for(origin(given), process)
        configure(given)
    finally:
        process.terminate()
        process.wait()
    print("ready", flush=True)
    # In place of this program, so that who ends it ends the server.
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
