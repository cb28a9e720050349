"""Signs in to the running example like a person and tries what it promises."""

import json
import re

from browser import Browser, BrowserError

PRINCIPAL = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
# How proxies and frameworks have let a forged name through.
FORGERIES = {"X-Remote-User": "mallory", "x_remote_user": "mallory", "X.Remote.User": "mallory", "X-Auth-Name": "Mallory", "X_Auth_Name": "Mallory"}


class Failed(Exception):
    """Something that the example promises and does not do."""


def run(address, users, say):
    alice, bob = users
    try:
        strangers_are_kept_out(address)
        say("ok: without a session scripts get 401, and public pages are told no name")
        browser = Browser()
        sign_in_returns_to_the_page_asked_for(browser, address, alice)
        say("ok: alice signs in at the provider and is greeted by name")
        only_the_identity_reaches_the_application(browser, address, alice)
        say("ok: the application receives the identity, and neither forged headers nor the session cookie")
        radicale_knows_the_user(browser, address, alice)
        say("ok: Radicale, which trusts X-Remote-User, sees alice, whoever the request says it is from")
        finance_is_for_its_group(browser, address, bob)
        say("ok: /finance/ admits alice and refuses bob")
        sign_out_ends_the_session(browser, address)
        say("ok: signing out ends the session here and at the provider")
    except BrowserError as error:
        raise Failed(str(error)) from error


def strangers_are_kept_out(address):
    stranger = Browser()
    answer = stranger.fetch(address)
    expect(answer.status == 401, f"a script without a session got {answer.status} instead of 401")
    expect(answer.headers.get_content_type() == "application/problem+json", "the 401 for a script is no problem+json")
    expect("set-cookie" not in answer.headers, "a refused script got a cookie")
    received = application_headers(stranger.fetch(f"{address}public/", headers=FORGERIES))
    expect_no_trace_of("mallory", received)


def sign_in_returns_to_the_page_asked_for(browser, address, user):
    page = sign_in(browser, f"{address}finance/?year=2026", user)
    expect(page.url == f"{address}finance/?year=2026", "the login did not return to the page that was asked for")
    expect_greeting(page, user)
    expect_greeting(browser.navigate(address), user)


def only_the_identity_reaches_the_application(browser, address, user):
    received = application_headers(browser.fetch(address, headers=FORGERIES))
    expect_no_trace_of("mallory", received)
    expected = {
        "x-remote-user": user["user_name"],
        "x-auth-name": full_name(user),
        "x-auth-email": f"{user['user_name']}@example.org",
    }
    for name, value in expected.items():
        values = [v for n, v in received if n.lower() == name]
        expect(values == [value], f"the application received {name} as {values} instead of once {value!r}")
    groups = [v.split(",") for n, v in received if n.lower() == "x-auth-groups"]
    expect(len(groups) == 1 and sorted(groups[0]) == sorted(user["groups"]), f"the application received x-auth-groups as {groups}")
    cookies = [value for name, value in received if name.lower() == "cookie"]
    expect(not any("latchkey" in value for value in cookies), "the session cookie reached the application")
    told = {name.lower() for name, _ in application_headers(browser.fetch(f"{address}public/", headers=FORGERIES))}
    expect(not told & {*expected, "x-auth-groups"}, "a page that needs no session was told who is signed in")


def radicale_knows_the_user(browser, address, user):
    for forged in ({}, FORGERIES):
        answer = browser.fetch(f"{address}radicale/", "PROPFIND", PRINCIPAL, {"Depth": "0", "Content-Type": "application/xml"} | forged)
        expect(answer.status == 207, f"Radicale answered a PROPFIND with {answer.status} instead of 207")
        principals = re.findall(r"<current-user-principal>\s*<href>([^<]*)</href>", answer.body)
        expect(principals == [f"/radicale/{user['user_name']}/"], f"Radicale's principal is {principals}")
    web = browser.navigate(f"{address}radicale/")
    expect(web.status == 200 and "Radicale" in web.body, f"Radicale's web page answered {web.status}")


def finance_is_for_its_group(browser, address, outsider):
    page = browser.navigate(f"{address}finance/")
    expect(page.status == 200 and "Finance" in page.body, f"/finance/ answered a member with {page.status}")
    other = Browser()
    expect_greeting(sign_in(other, address, outsider), outsider)
    page = other.navigate(f"{address}finance/")
    expect(page.status == 403, f"/finance/ answered somebody from another group with {page.status} instead of 403")


def sign_out_ends_the_session(browser, address):
    expect(browser.fetch(f"{address}oauth2/session").status == 200, "the session is gone before signing out")
    page = browser.navigate(f"{address}oauth2/logout?return_to=/public/")
    expect(not page.url.startswith(address), f"signing out was answered with {page.status} and never reached the provider")
    # The provider asks whether the person means it (RP-Initiated Logout 1.0 §2).
    page = browser.submit(page, answer="logout")
    back, _, _ = page.url.partition("?")  # with `state`
    expect(back == f"{address}public/" and page.status == 200, "after signing out the provider does not lead back")
    expect(browser.fetch(f"{address}oauth2/session").status == 401, "the session is still there after signing out")
    page = browser.navigate(address)
    expect(not page.url.startswith(address), "after signing out the application opens without the provider asking again")
    page.form()


def sign_in(browser, url, user):
    """Goes through the provider's two forms: who, then the password."""
    page = browser.navigate(url)
    expect(not page.url.startswith(url), f"{url} was answered with {page.status} instead of the provider's login page")
    page = browser.submit(page, login=user["user_name"])
    return browser.submit(page, password=user["password"])


def application_headers(answer):
    expect(answer.status == 200, f"the application was reached with {answer.status} instead of 200")
    return json.loads(answer.body)["headers"]


def expect_greeting(page, user):
    greeting = f"<h1>Hello, {full_name(user)}</h1>"
    expect(page.status == 200 and greeting in page.body, f"{user['user_name']} was answered with {page.status} and no greeting")


def expect_no_trace_of(name, received):
    forged = [header for header, value in received if name in value.lower()]
    expect(not forged, f"forged headers reached the application: {', '.join(forged)}")


def full_name(user):
    return f"{user['given_name']} {user['family_name']}"


def expect(condition, failure):
    if not condition:
        raise Failed(failure)
