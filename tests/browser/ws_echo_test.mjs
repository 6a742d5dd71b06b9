// Debian's Chromium as the client of ws_echo: what it agrees on, messages of every kind, close codes, coming back.
// usage: node ws_echo_test.mjs PROGRAM [epoll|io_uring]
import { Checks, Server, expect, expectEqual, openBrowser, skipSuite } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

let server = await Server.start(program, reactor);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("ws_echo in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const socketUrl = () => server.url.replace("http:", "ws:") + "/";
const browser = await openBrowser();
const page = await browser.newPage();

// Runs in the page: what a conversation of these texts and sizes of binary messages comes to.
function converse([url, texts, sizes, close]) {
  return new Promise(resolve => {
    const socket = new WebSocket(url);
    const told = { extensions: "", same: 0, code: 0, reason: "" };
    const messages = [...texts, ...sizes.map(size => new Uint8Array(size).map((_, at) => at * 7))];
    let next = 0;
    const isSame = (sent, came) => typeof sent === "string" ? sent === came
      : sent.length === came.byteLength && new Uint8Array(came).every((byte, at) => byte === sent[at]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      told.extensions = socket.extensions;
      socket.send(messages[0]);
    };
    socket.onmessage = event => {
      told.same += isSame(messages[next], event.data) ? 1 : 0;
      next += 1;
      if (next < messages.length) socket.send(messages[next]);
      else socket.close(...close);
    };
    socket.onclose = event => resolve({ ...told, code: event.code, reason: event.reason });
  });
}

try {
  await check("compression is agreed on, and messages up to 1 MiB come back as they were", async () => {
    const texts = ["short", "grüß dich, 你好 🎈", "again and again, ".repeat(100), "z".repeat(1 << 20)];
    const told = await page.evaluate(converse, [socketUrl(), texts, [1, 70000, 1 << 20], [4001, "done"]]);
    expect(told.extensions.startsWith("permessage-deflate"), `extensions: ${told.extensions}`);
    expectEqual([told.same, told.code], [7, 4001], "what came back");
  });
  await check("a server that wants no compression gets none, and the same comes back", async () => {
    const plain = await Server.start(program, reactor, 0, ["--no-compress"]);
    try {
      const texts = ["again and again, ".repeat(100), "z".repeat(1 << 20)];
      const url = plain.url.replace("http:", "ws:") + "/";
      const told = await page.evaluate(converse, [url, texts, [1 << 20], [4001, "done"]]);
      expectEqual([told.extensions, told.same, told.code], ["", 3, 4001], "what came back");
    } finally {
      expectEqual(await plain.stop(), 0, "the exit code");
    }
  });
  await check("a message over the limit is closed with 1009 and the limit's name", async () => {
    const told = await page.evaluate(converse, [socketUrl(), ["z".repeat((1 << 20) + 1)], [], [1000]]);
    expectEqual([told.same, told.code], [0, 1009], "the end");
    expect(told.reason.includes("message_bytes_max"), told.reason);
  });
  await check("a server that ends says 1001, and the page can come back to the next one", async () => {
    const ending = page.evaluate(url => new Promise(resolve => {
      const socket = new WebSocket(url);
      socket.onopen = () => { document.title = "open"; };
      socket.onclose = event => resolve([event.code, event.wasClean]);
    }), socketUrl());
    await page.waitForFunction(() => document.title === "open");
    expectEqual(await server.stop(), 0, "the exit code");
    expectEqual(await ending, [1001, true], "the end");
    server = await Server.start(program, reactor);
    const told = await page.evaluate(converse, [socketUrl(), ["here again"], [], [1000]]);
    expectEqual([told.same, told.code], [1, 1000], "what came back");
  });
} finally {
  await browser.close();
  await check("the server ends with exit code 0", async () => expectEqual(await server.stop(), 0, "the exit code"));
}
process.exit(checks.finish());
