"""An MCP server (Streamable HTTP, one JSON answer for each request): python3 server.py PORT

It knows nothing of OAuth. For whom an assistant works say the headers that Envoy sets, and nothing but Envoy may reach it.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26")
NOTES = {}
TOOLS = [
    {"name": "whoami", "description": "Says for whom you work.", "inputSchema": {"type": "object"}},
    {
        "name": "add_note",
        "description": "Adds a note of the person you work for.",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
]


class NotAllowed(Exception):
    """The person has not allowed this."""


def whoami(user, scopes, arguments):
    return user


def add_note(user, scopes, arguments):
    if "notes.write" not in scopes:
        raise NotAllowed("This needs the scope notes.write.")
    NOTES.setdefault(user, []).append(str(arguments["text"]))
    return f"{user} has {len(NOTES[user])} notes."


def call(user, scopes, parameters):
    tool = {"whoami": whoami, "add_note": add_note}[parameters["name"]]
    try:
        text, is_error = tool(user, scopes, parameters.get("arguments") or {}), False
    except NotAllowed as problem:
        text, is_error = str(problem), True
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def initialize(parameters):
    wanted = parameters.get("protocolVersion")
    return {
        "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "notes", "version": "1.0.0"},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        if "id" not in message:
            return self.answer(202)
        user, scopes = self.headers["x-auth-user"], self.headers.get("x-auth-scopes", "").split()
        parameters = message.get("params") or {}
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            match message["method"]:
                case "initialize":
                    answer["result"] = initialize(parameters)
                case "ping":
                    answer["result"] = {}
                case "tools/list":
                    answer["result"] = {"tools": TOOLS}
                case "tools/call":
                    answer["result"] = call(user, scopes, parameters)
                case _:
                    answer["error"] = {"code": -32601, "message": "There is no such method."}
        except (KeyError, TypeError):
            answer["error"] = {"code": -32602, "message": "The parameters do not fit."}
        self.answer(200, json.dumps(answer).encode())

    def do_GET(self):
        self.answer(405)

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
