import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  closingResponseHead,
  isInterim,
  parseRequest,
} from "../../../src/plugins/egress/gateway_connection.ts";
import { Refusal } from "../../../src/plugins/egress/admission.ts";

const authorization = `Proxy-Authorization: Basic ${
  Buffer.from("plugin:se:cret").toString("base64")
}`;

Deno.test("a tunnel is asked for by host and port", () => {
  assert.deepEqual(parseRequest(`CONNECT api.example.com:443 HTTP/1.1\r\n${authorization}`), {
    secret: "se:cret",
    host: "api.example.com",
    port: 443,
    head: null,
  });
  assert.equal(parseRequest("CONNECT [::1]:8443 HTTP/1.1").host, "[::1]");
});

Deno.test("plain HTTP goes on without what is the gateway's, one request per connection", () => {
  const request = parseRequest([
    "POST http://api.example.com:8080/path?q=1 HTTP/1.1",
    "Host: api.example.com:8080",
    authorization,
    "Proxy-Connection: keep-alive",
    "Connection: keep-alive, x",
    "Content-Length: 2",
  ].join("\r\n"));
  assert.equal(request.port, 8080);
  assert.equal(
    request.head,
    "POST /path?q=1 HTTP/1.1\r\nHost: api.example.com:8080\r\nContent-Length: 2\r\n" +
      "Connection: close\r\n\r\n",
  );
  assert.equal(
    closingResponseHead(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nX-Paddock-Refused: 1\r\nA: b",
    ),
    "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n",
  );
});

Deno.test("interim responses are told from the last", () => {
  assert.ok(isInterim("HTTP/1.1 100 Continue"));
  assert.ok(isInterim("HTTP/1.1 103 Early Hints\r\nLink: x"));
  assert.ok(!isInterim("HTTP/1.1 101 Switching Protocols"));
  assert.ok(!isInterim("HTTP/1.1 200 OK"));
});

Deno.test("anything else is refused", () => {
  for (
    const text of [
      "",
      "GET / HTTP/1.1",
      "GET /path HTTP/1.1\r\nHost: 10.0.0.1",
      "GET https://api.example.com/ HTTP/1.1",
      "GET file:///etc/passwd HTTP/1.1",
      "CONNECT api.example.com HTTP/1.1",
      "CONNECT api.example.com:443:80 HTTP/1.1",
      "CONNECT :443 HTTP/1.1",
      "CONNECT api.example.com:443 HTTP/2",
      "\x16\x03\x01\x02",
    ]
  ) assert.throws(() => parseRequest(text), Refusal, text);
});
