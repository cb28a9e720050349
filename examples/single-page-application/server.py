"""The page and its API: python3 server.py PORT

It knows nothing of sign-ins. Who is there says the header that Envoy sets, and nothing but Envoy may reach it.
"""

import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = pathlib.Path(__file__).with_name("index.html").read_bytes()
ORDERS = {7: "a lamp", 8: "a chair"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path in ("/", "/index.html"):
            self.answer(200, "text/html; charset=utf-8", PAGE)
        elif path == "/api/orders":
            self.answer_json(200, self.orders(ORDERS))
        elif path.startswith("/api/orders/") and path[12:].isdigit() and int(path[12:]) in ORDERS:
            self.answer_json(200, self.orders([int(path[12:])]))
        else:
            self.answer_json(404, {"title": "There is nothing here"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/api/orders":
            return self.answer_json(404, {"title": "There is nothing here"})
        number = max(ORDERS) + 1
        ORDERS[number] = str(json.loads(body)["article"])
        self.answer_json(201, self.orders([number]))

    def orders(self, numbers):
        found = [{"number": number, "article": ORDERS[number]} for number in numbers]
        return {"user": self.headers["x-auth-name"] or self.headers["x-auth-user"], "orders": found}

    def answer_json(self, status, document):
        self.answer(status, "application/json", json.dumps(document).encode())

    def answer(self, status, content_type, body):
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-cache" if self.path == "/" else "private, no-store")
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
