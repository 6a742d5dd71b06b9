// What the browser tests share: named checks with a closing count, a server program, Debian's Chromium.
// Nothing waits for a time: every wait is for something that can be seen, with an upper bound.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const waitMs = 30_000;

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export function expectEqual(found, wanted, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: found ${left}, wanted ${right}`);
}

export class Checks {
  passed = 0;
  failed = 0;

  async check(name, body) {
    try {
      await body();
      this.passed += 1;
      console.log(`ok      ${name}`);
    } catch (error) {
      this.failed += 1;
      console.log(`FAILED  ${name}\n        ${error.stack ?? error}`);
    }
  }

  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed, 0 skipped`);
    return this.failed || !this.passed ? 1 : 0;
  }
}

export function skipSuite(name, reason) {
  console.log(`SKIPPED ${name}: ${reason}`);
  process.exit(77);
}

// A server program of the project: `listening on …` on stdout, exit code 0 after SIGTERM.
export class Server {
  static async start(program, reactor, port = 0, flags = []) {
    const server = new Server();
    server.child = spawn(program, ["--port", String(port), ...flags], {
      stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, STEPWISE_REACTOR: reactor },
    });
    server.output = "";
    server.ended = new Promise(resolve => {
      server.child.on("error", error => resolve(`${error.message}`));
      server.child.on("exit", (code, signal) => resolve(signal ?? code));
    });
    const listening = new Promise(resolve => {
      const read = bytes => {
        server.output += bytes;
        const match = /^listening on (http:\/\/\S+)$/m.exec(server.output);
        if (match) resolve(match[1]);
      };
      server.child.stdout.on("data", read);
      server.child.stderr.on("data", read);
    });
    server.url = await Promise.race([listening, server.ended.then(() => null), expiry()]);
    if (!server.url) server.child.kill("SIGKILL");
    return server;
  }

  get port() { return Number(new URL(this.url).port); }

  // The exit code, or what ended it.
  async stop() {
    this.child.kill("SIGTERM");
    const code = await Promise.race([this.ended, expiry()]);
    if (code === null) this.child.kill("SIGKILL");
    return code ?? `still running ${waitMs} ms after SIGTERM`;
  }
}

function expiry() {
  return new Promise(resolve => setTimeout(resolve, waitMs, null).unref());
}

export function openBrowser() {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
  });
}

// A person at a browser of their own: nothing is shared with the others. Notes what the page asks for and complains of.
export async function openPerson(browser, seen, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...settings });
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  page.on("request", request => seen.requests.push(request.url()));
  page.on("websocket", socket => seen.requests.push(socket.url()));
  page.on("console", message => {
    if (message.type() === "error" || message.type() === "warning") seen.complaints.push(message.text());
  });
  page.on("pageerror", error => seen.complaints.push(`uncaught: ${error.message}`));
  page.on("dialog", async dialog => {
    seen.complaints.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  return page;
}

export function foreignRequests(seen) {
  return seen.requests.filter(url => !/^(data|blob):/.test(url) && new URL(url).hostname !== "127.0.0.1");
}

export function horizontalOverflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

// Pictures are taken only where a folder is named for them.
export async function screenshot(page, name, settings = {}) {
  const folder = process.env.STEPWISE_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), ...settings });
}
