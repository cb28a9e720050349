"""A real OpenID provider for the example: Canaille with two users, two groups and one client.

Run by `scripts/demo` in a directory of its own, where the database is made. Reads canaille.toml through
CANAILLE_CONFIG, and SECRET_KEY, GRANTS_PORTAL_SECRET and DEMO_USERS from the environment.
"""

import asyncio
import json
import os

from asgiref.wsgi import WsgiToAsgi
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from hypercorn.asyncio import serve
from hypercorn.config import Config

APPLICATION = "http://localhost:10000"


def register_client():
    client = models.Client(
        client_id="grants-portal",
        client_secret=os.environ["GRANTS_PORTAL_SECRET"],
        client_name="Grants portal",
        client_uri=APPLICATION,
        redirect_uris=[f"{APPLICATION}/oauth2/callback"],
        post_logout_redirect_uris=[f"{APPLICATION}/", f"{APPLICATION}/public/"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_basic",
        # Without this Canaille signs with RS512.
        id_token_signed_response_alg="RS256",
    )
    Backend.instance.save(client)
    # Without this `aud` is an empty list, which no relying party may accept.
    client.audience = [client]
    Backend.instance.save(client)


def create_users(users):
    groups = {}
    for user in users:
        account = models.User(
            user_name=user["user_name"],
            given_name=user["given_name"],
            family_name=user["family_name"],
            formatted_name=f"{user['given_name']} {user['family_name']}",
            emails=[f"{user['user_name']}@example.org"],
        )
        Backend.instance.save(account)
        Backend.instance.set_user_password(account, user["password"])
        for name in user["groups"]:
            groups.setdefault(name, []).append(account)
    for name, members in groups.items():
        Backend.instance.save(models.Group(display_name=name, members=members))


def main():
    app = create_app(init_backend=True)
    with app.app_context(), Backend.instance.session():
        register_client()
        create_users(json.loads(os.environ["DEMO_USERS"]))
    config = Config()
    config.bind = [app.config["SERVER_NAME"]]
    asyncio.run(serve(WsgiToAsgi(app), config))


if __name__ == "__main__":
    main()
