#!/usr/bin/env python3
"""The example's own application: greets by name from plain headers and shows the headers it got.

Python's standard library only; there is no login, no cookie and no token in it.
"""

import argparse
import html
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PAGES = {
    "/": ("Grants portal", "Everybody with a session sees this page."),
    "/finance/": ("Finance", "Only members of the group <code>finance</code> see this page."),
    "/public/": ("Public page", "Everybody sees this page, signed in or not, so it is never told who asks."),
}

STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 48rem; padding: 0 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; margin: 1.5rem 0; }
table { border-collapse: collapse; table-layout: fixed; width: 100%; }
caption { font-weight: 600; padding-bottom: .5rem; text-align: left; }
th, td { border-top: 1px solid #8886; overflow-wrap: anywhere; padding: .3rem .5rem .3rem 0; text-align: left; vertical-align: top; }
th { font-family: ui-monospace, monospace; font-weight: 400; width: 40%; }
tr.identity { background: #4a82; }
"""

DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<h1>{greeting}</h1>
<p>{text}</p>
<nav>
<a href="/">Start</a>
<a href="/finance/">Finance</a>
<a href="/radicale/">Calendars (Radicale)</a>
<a href="/public/">Public page</a>
<a href="/oauth2/session">Session</a>
<a href="/oauth2/logout?return_to=/public/">Sign out</a>
</nav>
<table>
<caption>The headers this application received</caption>
{rows}
</table>
</body>
</html>
"""


class Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        page = PAGES.get(urlsplit(self.path).path)
        if page is None:
            self.answer(404, "text/plain", "There is no such page.\n")
        elif "text/html" in self.headers.get("accept", ""):
            self.answer(200, "text/html", self.document(*page))
        else:
            self.answer(200, "application/json", json.dumps({"greeting": self.greeting(), "headers": self.headers.items()}))

    def greeting(self):
        name = self.headers.get("x-auth-name")
        return f"Hello, {name}" if name else "Hello"

    def document(self, title, text):
        rows = "\n".join(
            f'<tr{" class=identity" * is_identity(name)}><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
            for name, value in sorted(self.headers.items(), key=lambda header: (not is_identity(header[0]), header))
        )
        return DOCUMENT.format(title=title, style=STYLE, greeting=html.escape(self.greeting()), text=text, rows=rows)

    def answer(self, status, content_type, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", f"{content_type}; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def is_identity(name):
    return name.lower().startswith(("x-auth-", "x-remote-"))


def main():
    arguments = argparse.ArgumentParser(description="A page that greets by name from the x-auth-name header.")
    arguments.add_argument("--port", type=int, default=10002)
    ThreadingHTTPServer(("127.0.0.1", arguments.parse_args().port), Application).serve_forever()


if __name__ == "__main__":
    main()
