// What Debian's Chromium does by itself with a server: cookies, forms, parts of a sound, events that it comes back to.
// usage: node web_test.mjs PROGRAM [epoll|io_uring]
import { Checks, Server, expect, expectEqual, openBrowser, openPerson, skipSuite } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const seen = { requests: [], complaints: [] };
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

const server = await Server.start(program, reactor);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("the web in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const browser = await openBrowser();
const page = await openPerson(browser, seen);
const text = path => page.evaluate(async url => (await fetch(url)).text(), path);

try {
  await page.goto(`${server.url}/`);
  await check("a cookie comes back, and scripts do not see it", async () => {
    for (const visit of ["1", "2", "3"]) expectEqual(await text("/visits"), visit, "visits");
    expectEqual(await page.evaluate(() => document.cookie), "", "what a script sees");
    const [cookie] = await page.context().cookies();
    expectEqual([cookie.name, cookie.value, cookie.httpOnly], ["visits", "3", true], "the cookie");
  });
  await check("a video element finds its length, and seeks by asking for parts", async () => {
    await page.waitForFunction(() => document.querySelector("#video").readyState >= 1);
    const length = await page.$eval("#video", video => video.duration);
    expect(Math.abs(length - 600) < 1, `it is ${length} s long`);
    await page.$eval("#video", video => new Promise((resolve, reject) => {
      video.addEventListener("seeked", resolve);
      video.addEventListener("error", () => reject(new Error(video.error.message)));
      video.currentTime = 500;
    }));
    const asked = (await text("/ranges")).trim().split("\n").map(line => Number(/^bytes=(\d+)-/.exec(line)[1]));
    expect(asked.length >= 2 && Math.max(...asked) > 20_000_000, `it asked for parts from ${asked}`);
  });
  await check("events arrive in order, and behind an end from where they were", async () => {
    const events = await page.evaluate(() => new Promise(resolve => {
      const got = [];
      const source = new EventSource("/events");
      source.onmessage = event => {
        got.push([event.lastEventId, event.data]);
        if (got.length === 7) {
          source.close();
          resolve(got);
        }
      };
    }));
    expectEqual(events, [1, 2, 3, 4, 5, 6, 7].map(number => [`${number}`, `line ${number}\nof two`]), "events");
  });
  await check("a form arrives as it was filled in, and goes back as text", async () => {
    await page.click("#plain button");
    await page.waitForURL("**/form?from=query");
    expectEqual(await page.evaluate(() => document.body.textContent), "Ada & 李 +%|query", "the form");
  });
  await check("the pages complain of nothing", async () => expectEqual(seen.complaints, [], "complaints"));
} finally {
  await browser.close();
  await check("the server ends with exit code 0", async () => expectEqual(await server.stop(), 0, "the exit code"));
}
process.exit(checks.finish());
