// A gRPC client: one call over HTTP/2 for each case, and how it ends for the client.
//   node grpc.mjs '{"origin": "http://127.0.0.1:12001", "authority": "portal.example.org", "calls": [{"path": "/s.S/M", "headers": {}, "status": 16, "reason": "session.required"}]}'
import assert from "node:assert/strict";
import { connect } from "node:http2";

const { origin, authority, calls } = JSON.parse(process.argv[2]);
const client = connect(origin);
try {
  for (const { path, headers, status, reason, kind } of calls) {
    const { head, trailers } = await call(path, headers, kind ?? "application/grpc");
    const end = { ...head, ...trailers };
    const seen = `${path}: ${JSON.stringify(end)}`;
    // gRPC over HTTP/2: the HTTP status is 200 whatever comes of the call, and the end says what did.
    assert.equal(head[":status"], 200, seen);
    assert.match(String(head["content-type"]), /^application\/grpc$/, seen);
    assert.equal(Number(end["grpc-status"]), status, seen);
    assert.ok(decodeURIComponent(end["grpc-message"] ?? "").includes(reason), seen);
    assert.equal(head["location"], undefined, seen);
    assert.equal(head["set-cookie"], undefined, seen);
  }
} finally {
  client.close();
}

function call(path, headers, kind) {
  return new Promise((resolve, reject) => {
    const stream = client.request({
      ":method": "POST", ":path": path, ":authority": authority, "content-type": kind, te: "trailers", ...headers,
    });
    let head, trailers;
    stream.on("response", (headers) => { head = headers; });
    stream.on("trailers", (headers) => { trailers = headers; });
    stream.on("data", () => {});
    stream.on("end", () => resolve({ head, trailers }));
    stream.on("error", reject);
    // An empty message with its five-byte prefix.
    stream.end(Buffer.alloc(5));
  });
}
