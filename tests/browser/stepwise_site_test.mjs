// The start page of `./stepwise serve` in Debian's Chromium, against the real program.
// usage: node stepwise_site_test.mjs PROGRAM [epoll|io_uring]
import { Checks, Server, expect, expectEqual, foreignRequests, horizontalOverflow, openBrowser, openPerson, screenshot,
  skipSuite } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const phone = { width: 390, height: 844 }, projector = { width: 1280, height: 800 };
const seen = { requests: [], complaints: [] };
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

const server = await Server.start(program, reactor);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("the start page in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const browser = await openBrowser();
const page = await openPerson(browser, seen);
await page.goto(`${server.url}/`);

const shows = (selector, pattern) => page.waitForFunction(([where, source]) =>
  new RegExp(source).test(document.querySelector(where).textContent), [selector, pattern.source]);

async function checkDemos() {
  await check("every numbered demo is listed with its title and how to run it", async () => {
    await page.waitForSelector("#demos li");
    const numbers = await page.$$eval("#demos .number", nodes => nodes.map(node => node.textContent));
    const commands = await page.$$eval("#demos code", nodes => nodes.map(node => node.textContent));
    const titles = await page.$$eval("#demos .title", nodes => nodes.map(node => node.textContent));
    expect(numbers.includes("01"), `the numbers are ${numbers}`);
    expectEqual(numbers, [...new Set(numbers)].sort(), "the order");
    expectEqual(commands, numbers.map(number => `./stepwise run ${number}`), "the commands");
    expect(titles.every(title => title.length > 3), `the titles are ${titles}`);
  });
  await check("every demo has a Chinese title", async () => {
    const demos = await page.evaluate(async () => (await fetch("demos.json")).json());
    const untitled = demos.filter(demo => !/\p{Script=Han}/u.test(demo.title_zh));
    expectEqual(untitled.map(demo => demo.name), [], "demos without one in demos/site/titles_zh.json");
  });
}

async function checkTries() {
  await check("GET hello greets the name that was typed", async () => {
    await page.fill("#getText", "Ada & 小明");
    await page.click("#getSend");
    await shows("#getResult", /^200 OK .*ms\n(.|\n)*Ada & 小明/);
  });
  await check("POST echo sends back what it was sent", async () => {
    await page.fill("#postText", "<b>1 + 1</b> 一 👋");
    await page.press("#postText", "Enter");
    await shows("#postResult", /^200 OK .*ms\n<b>1 \+ 1<\/b> 一 👋$/);
  });
  await check("the WebSocket brings each message back, the second too", async () => {
    for (const text of ["one", "two 二"]) {
      await page.fill("#wsText", text);
      await page.press("#wsText", "Enter");
      await shows("#wsResult", new RegExp(`^→ ${text}\n← ${text}\n +\\d+ ms$`));
    }
  });
}

async function checkChat() {
  await check("the chat is one click away and works where it is mounted", async () => {
    await page.click("#chat");
    await page.waitForURL(/\/chat\/\?lang=en$/);
    await page.fill("#name", "Ada");
    await page.press("#name", "Enter");
    await page.fill("#text", "hello from the site");
    await page.waitForSelector('#state[data-state="online"]');
    await page.press("#text", "Enter");
    await page.waitForFunction(() => /Ada says: hello from the site$/.test(document.querySelector("#log").textContent));
    await page.goto(`${server.url}/`);
  });
  await check("the chat's address without its last slash leads there too", async () => {
    await page.goto(`${server.url}/chat`);
    await page.waitForURL(/\/chat\/$/);
    await page.goto(`${server.url}/`);
  });
}

async function checkLooks() {
  await check("the language changes at once and is kept", async () => {
    await page.click("#language");
    await shows("h1", /\p{Script=Han}|[一-龥]/);
    expectEqual(await page.getAttribute("html", "lang"), "zh-CN", "the page's language");
    await page.reload();
    await shows("#demosTitle", /^示例程序$/);
    await page.click("#language");
    await shows("#demosTitle", /^The demos$/);
  });
  await check("a browser that prefers Chinese is spoken to in Chinese", async () => {
    const chinese = await openPerson(browser, seen, { locale: "zh-CN" });
    await chinese.goto(`${server.url}/`);
    expectEqual(await chinese.textContent("#demosTitle"), "示例程序", "a title");
    await chinese.context().close();
  });
  await check("nothing sticks out sideways on a phone or a projector", async () => {
    await page.waitForSelector("#demos li");
    for (const [place, viewport] of [["phone", phone], ["projector", projector]]) {
      await page.setViewportSize(viewport);
      expectEqual(await horizontalOverflow(page), 0, `pixels beyond the edge of the ${place}`);
    }
  });
}

async function takePictures() {
  for (const language of ["en", "zh"]) {
    await page.goto(`${server.url}/?lang=${language}`);
    await page.waitForSelector("#demos li");
    for (const [place, viewport] of [["phone", phone], ["projector", projector]]) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        await screenshot(page, `site-${language}-${place}-${colorScheme}`, { fullPage: place === "phone" });
      }
    }
  }
}

try {
  await checkDemos();
  await checkTries();
  await checkChat();
  await checkLooks();
  await takePictures();
  await check("no request leaves this machine", async () => {
    expectEqual(foreignRequests(seen), [], "requests elsewhere");
  });
  await check("the pages complain of nothing", async () => expectEqual(seen.complaints, [], "complaints"));
} finally {
  await browser.close();
  await check("the server ends with exit code 0", async () => expectEqual(await server.stop(), 0, "the exit code"));
}
process.exit(checks.finish());
