// Starts the sallyport binary with a template, and tells where it is.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL"); // a test runner that was stopped leaves no server
});

/** Starts a server and deploys a template. */
export async function start(options = {}) {
  const { template = ".", parameters = {}, binary = process.env.SALLYPORT || "sallyport", timeout = 60_000, onLine } = options;
  const dir = await mkdtemp(join(tmpdir(), "sallyport-"));
  const file = join(dir, "ready.json");
  const args = ["dev", template, "--port", "0", "--no-watch", "--output", "json", "--ready-file", file, "--data", options.data || join(dir, "data")];
  for (const [name, value] of Object.entries(parameters)) args.push("--parameter-overrides", `${name}=${value}`);

  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const server = new Server(child, dir);
  const ended = new Promise((resolve) => {
    child.once("error", (err) => resolve(err.code === "ENOENT" ? `${binary} is not installed; set SALLYPORT to its path` : err.message));
    child.once("close", (code, signal) => resolve(`sallyport ended with ${signal ?? `code ${code}`}`));
  }).then((why) => {
    running.delete(child);
    return why;
  });
  server.ended = ended;
  let errors = "";
  child.stderr.on("data", (data) => { errors = (errors + data).slice(-4096); });
  createInterface({ input: child.stdout }).on("line", (line) => {
    onLine?.(line);
    server.take(line);
  });

  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, timeout, `sallyport was not ready after ${timeout} ms`); });
  const failure = await Promise.race([server.ready, ended, late]);
  clearTimeout(timer);
  if (failure) {
    await server.stop();
    throw new Error(`${failure}\n${errors}`.trim());
  }
  server.about = JSON.parse(await readFile(file, "utf8"));
  return server;
}

/** A running server. */
class Server {
  #child;
  #dir;
  #lines = [];
  #waiting = new Set();
  #ready;

  constructor(child, dir) {
    this.#child = child;
    this.#dir = dir;
    this.ready = new Promise((resolve) => { this.#ready = resolve; });
  }

  /** Takes a line of the server's output. */
  take(line) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      return;
    }
    if (event.type === "ready") this.#ready("");
    if (event.type !== "log") return;
    this.#lines.push(event);
    for (const look of this.#waiting) look();
  }

  /** The address of an API's stage for WebSocket clients. */
  url(api) {
    const found = this.about.apis.find((a) => api === undefined || a.name === api || a.apiId === api);
    if (!found) throw new Error(api === undefined ? "the template has no API with a stage" : `there is no API ${api}`);
    return found.url;
  }

  get endpoint() { return this.about.endpoint; }
  get region() { return this.about.region; }
  get outputs() { return this.about.outputs; }

  /** What clients of the AWS SDK are made with. */
  get config() {
    return { endpoint: this.endpoint, region: this.region, credentials: { ...this.about.credentials } };
  }

  /** The same as environment variables, for programs. */
  get env() {
    const { accessKeyId, secretAccessKey } = this.about.credentials;
    return {
      AWS_ENDPOINT_URL: this.endpoint, AWS_REGION: this.region, AWS_DEFAULT_REGION: this.region,
      AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: "",
    };
  }

  /** The lines that functions have written so far, those with a text in them. */
  logs(text = "") {
    return this.#lines.map((l) => l.message).filter((m) => m.includes(text));
  }

  /** Waits for a line with a text in it. */
  waitForLog(text, ms = 10_000) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const [line] = this.logs(text);
        if (line === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(line);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`no function has written ${JSON.stringify(text)} within ${ms} ms`));
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  /** Stops the server and removes its data. */
  async stop() {
    this.#child.kill("SIGTERM");
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(patience);
    await rm(this.#dir, { recursive: true, force: true });
  }
}
