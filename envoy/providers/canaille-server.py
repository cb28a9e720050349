"""Canaille (https://canaille.readthedocs.io) with two users and a client for each thing that is tried.

Run in a folder of its own, where its database is made:
  python canaille-server.py '{"port": 12000, "application": "http://localhost:12001"}'
"""

import asyncio
import json
import os
import sys

try:
    from asgiref.wsgi import WsgiToAsgi
    from canaille import create_app
    from canaille.app import models
    from canaille.backends import Backend
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
except ImportError as error:
    sys.exit(f"Canaille is not installed ({error}): run scripts/install-tools canaille")

# Seconds. Its refresh tokens end with the access tokens that they belong to.
ACCESS_TOKEN_LIFETIME = {"authorization_code": 20, "refresh_token": 20, "password": 600, "client_credentials": 600}

USERS = [
    ("alice", "Alice", "Abel", ["staff", "finance"]),
    ("bob", "Bob", "Baker", ["staff"]),
]


def register_clients(application):
    def client(client_id, **metadata):
        known = dict(
            client_id=client_id,
            client_secret=f"the secret of {client_id}",
            client_name=client_id,
            client_uri=application,
            redirect_uris=[f"{application}/oauth2/callback"],
            post_logout_redirect_uris=[f"{application}/"],
            grant_types=["authorization_code", "refresh_token"],
            response_types=["code"],
            scope=["openid", "profile", "email", "groups"],
            token_endpoint_auth_method="client_secret_basic",
        )
        made = models.Client(**known | metadata)
        Backend.instance.save(made)
        return made

    def meant_for(audience, *clients):
        for each in clients:
            each.audience = [audience or each]
            Backend.instance.save(each)

    portal, api = client("portal"), client("orders-api")
    es256 = client("es256", id_token_signed_response_alg="ES256")
    post = client("post", id_token_signed_response_alg="RS256", token_endpoint_auth_method="client_secret_post")
    cli = client("cli", grant_types=["password"], id_token_signed_response_alg="RS256")
    machine = client("machine", grant_types=["client_credentials"], scope=["orders.read"])
    meant_for(None, portal, es256, post, api)
    meant_for(api, cli, machine)
    # As `canaille create client` makes it: the tokens are for nobody.
    client("unfinished")


def create_users():
    groups = {}
    for user_name, given_name, family_name, of_groups in USERS:
        account = models.User(
            user_name=user_name,
            given_name=given_name,
            family_name=family_name,
            formatted_name=f"{given_name} {family_name}",
            emails=[f"{user_name}@example.org"],
        )
        Backend.instance.save(account)
        Backend.instance.set_user_password(account, f"the password of {user_name}")
        for name in of_groups:
            groups.setdefault(name, []).append(account)
    for name, members in groups.items():
        Backend.instance.save(models.Group(display_name=name, members=members))


def main():
    given = json.loads(sys.argv[1])
    address = f"127.0.0.1:{given['port']}"
    settings = {
        # Without a name it takes the request's host, and its issuer ends in a slash.
        "SERVER_NAME": address,
        "PREFERRED_URL_SCHEME": "http",
        "SECRET_KEY": "a key for the provider's own cookies",
        "CANAILLE": {"HTMX": False},
        "CANAILLE_SQL": {"DATABASE_URI": "sqlite:///canaille.sqlite"},
        # Clients whose client_uri is here need no consent.
        "CANAILLE_OIDC": {"TRUSTED_DOMAINS": ["localhost"], "ACTIVE_JWKS": keys()},
        "OAUTH2_TOKEN_EXPIRES_IN": ACCESS_TOKEN_LIFETIME,
    }
    app = create_app(settings, init_backend=True)
    with app.app_context(), Backend.instance.session():
        register_clients(given["application"])
        create_users()
    config = Config()
    config.bind = [address]
    print("ready", flush=True)
    asyncio.run(serve(WsgiToAsgi(app), config))


def keys():
    from joserfc.jwk import ECKey, RSAKey

    made = [RSAKey.generate_key(2048, auto_kid=True), ECKey.generate_key("P-256", auto_kid=True)]
    return [key.as_dict(private=True) for key in made]


if __name__ == "__main__":
    main()
