"""As much of a browser as a login needs: cookies, redirects, forms and the Sec-Fetch headers. Standard library only.

Like Safari, and unlike Chromium and Firefox, it neither keeps nor sends `Secure` cookies on http://localhost.
"""

import http.client
import http.cookiejar
import urllib.error
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

MAX_REDIRECTS = 20


class BrowserError(Exception):
    """A page that a person could not have gone on from."""


@dataclass
class Page:
    url: str
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def origin(self):
        return origin(self.url)

    def form(self):
        """The first form that is sent by POST: where it goes, its fields as they stand, and the names of its buttons."""
        forms = FormParser()
        forms.feed(self.body)
        if forms.fields is None:
            raise BrowserError(f"no form on {without_query(self.url)} (status {self.status})")
        return urljoin(self.url, forms.action or self.url), forms.fields, forms.buttons


class Browser:
    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), KeepRedirects, urllib.request.HTTPCookieProcessor(self.jar)
        )

    def navigate(self, url, headers=None):
        """Opens a page as the address bar does."""
        return self.follow("GET", url, None, "none", headers)

    def submit(self, page, **filled):
        """Fills fields of the page's form, or presses one of its buttons, and sends it."""
        action, fields, buttons = page.form()
        missing = filled.keys() - fields.keys() - buttons
        if missing:
            raise BrowserError(f"the form on {without_query(page.url)} has no field {', '.join(missing)}")
        body = urlencode(fields | filled).encode()
        return self.follow("POST", action, body, "same-origin" if page.origin == origin(action) else "cross-site", None)

    def fetch(self, url, method="GET", body=None, headers=None):
        """What a script of the same origin does: redirects are not followed."""
        fetch_headers = {"accept": "application/json", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"}
        return self.send(method, url, body, fetch_headers | (headers or {}))

    def follow(self, method, url, body, site, headers):
        """A navigation through all of its redirects; `site` gets worse on the way and never better, as in Fetch Metadata §2.3."""
        for _ in range(MAX_REDIRECTS):
            navigation = {
                "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
                "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": site, "sec-fetch-user": "?1",
            }
            page = self.send(method, url, body, navigation | (headers or {}))
            if page.status not in (301, 302, 303, 307, 308):
                return page
            target = urljoin(url, page.headers["location"])
            if site != "none" and origin(target) != origin(url):
                site = "cross-site"
            if page.status in (301, 302, 303):
                method, body = "GET", None
            url = target
        raise BrowserError(f"more than {MAX_REDIRECTS} redirects, the last to {without_query(url)}")

    def send(self, method, url, body, headers):
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with self.opener.open(request, timeout=15) as response:
                return Page(url, response.status, response.headers, response.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            raise BrowserError(f"{method} {without_query(url)}: {error}") from error


class KeepRedirects(urllib.request.HTTPErrorProcessor):
    """Every answer is an answer, also a redirect and an error."""

    def http_response(self, request, response):
        return response


class FormParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action, self.fields, self.buttons, self.inside = None, None, set(), False

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form" and self.fields is None and attributes.get("method", "").lower() == "post":
            self.action, self.fields, self.inside = attributes.get("action"), {}, True
        elif tag == "input" and self.inside and attributes.get("name"):
            if attributes.get("type") not in ("checkbox", "radio", "submit") or "checked" in attributes:
                self.fields[attributes["name"]] = attributes.get("value") or ""

        elif tag == "button" and self.inside and attributes.get("name"):
            self.buttons.add(attributes["name"])

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


def origin(url):
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def without_query(url):
    """Queries of a login hold codes and states, which belong in no message."""
    return url.partition("?")[0]
