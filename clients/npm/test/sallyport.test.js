import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { start } from "../index.js";

const here = dirname(fileURLToPath(import.meta.url));
process.env.SALLYPORT ||= join(here, "../../../bin/sallyport");
const missing = !existsSync(process.env.SALLYPORT) && process.env.CI !== "true" && "bin/sallyport is not built: make build";

// ask sends one message and returns the first that comes back. Node 20 has no WebSocket client.
function ask(url, text) {
  return new Promise((resolve, reject) => {
    const req = request(url.replace(/^ws/, "http"), {
      headers: { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": randomBytes(16).toString("base64") },
    });
    req.on("error", reject);
    req.on("response", (resp) => reject(new Error(`refused with ${resp.statusCode}`)));
    req.on("upgrade", (_, socket) => {
      const payload = Buffer.from(text);
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
      socket.once("data", (data) => {
        resolve(data.subarray(2, 2 + data[1]).toString());
        socket.destroy();
      });
    });
    req.end();
  });
}

let server;
before(async () => {
  if (!missing) server = await start({ template: join(here, "template.yaml"), parameters: { Greeting: "moin" }, timeout: 180_000 });
}, { timeout: 200_000 });
after(() => server?.stop());

test("a message goes there and back", { skip: missing }, async () => {
  assert.equal(await ask(server.url(), `{"action":"greet","name":"ann"}`), "moin ann");
  assert.equal(await ask(server.url("echo"), `{"action":"greet","name":"bob"}`), "moin bob");
  assert.match(await server.waitForLog("bob", 60_000), /got \{/);
  assert.throws(() => server.url("other"), /there is no API other/);
});

test("what clients of AWS need", { skip: missing }, () => {
  assert.match(server.config.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(server.config.region, "us-east-1");
  assert.ok(server.config.credentials.accessKeyId && server.env.AWS_SECRET_ACCESS_KEY);
  assert.match(server.outputs.URL, /^wss:\/\/.*\/prod$/);
});

test("what goes wrong is said", { skip: missing }, async () => {
  await assert.rejects(start({ template: join(here, "none.yaml") }), /none\.yaml does not exist/);
  await assert.rejects(start({ binary: "/nowhere/sallyport" }), /is not installed; set SALLYPORT/);
});

test("stop leaves nothing", { skip: missing }, async () => {
  const other = await start({ template: join(here, "template.yaml"), timeout: 180_000 });
  const endpoint = other.endpoint;
  await other.stop();
  await assert.rejects(fetch(endpoint));
});
