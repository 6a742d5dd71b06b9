// The chat room as people see it: two of them in Debian's Chromium, against the real program.
// usage: node chat_test.mjs PROGRAM [epoll|io_uring]
import { Checks, Server, expect, expectEqual, foreignRequests, horizontalOverflow, openBrowser, openPerson, screenshot,
  skipSuite, waitMs } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const phone = { width: 390, height: 844 }, projector = { width: 1280, height: 800 };
const seen = { requests: [], complaints: [] };
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

async function enter(browser, url, name, settings) {
  const page = await openPerson(browser, seen, settings);
  await page.goto(url);
  await page.fill("#name", name);
  await page.press("#name", "Enter");
  await page.waitForSelector('#state[data-state="online"]');
  return page;
}

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

// Waits for a line of the log that ends with this text, and returns the whole line.
async function hears(page, ending) {
  const line = await page.waitForFunction(wanted => [...document.querySelectorAll("#log li")]
    .map(item => item.textContent).find(text => text.endsWith(wanted)), ending);
  return line.jsonValue();
}

const online = page => page.$$eval("#online .name", nodes => nodes.map(node => node.textContent).sort());

function onlineIs(page, names) {
  return page.waitForFunction(wanted => JSON.stringify([...document.querySelectorAll("#online .name")]
    .map(node => node.textContent).sort()) === JSON.stringify(wanted), [...names].sort());
}

async function saySeveral(page, count, prefix) {
  await page.evaluate(([total, text]) => {
    for (let index = 0; index < total; ++index) {
      document.querySelector("#text").value = `${text}${index}`;
      document.querySelector("#compose").requestSubmit();
    }
  }, [count, prefix]);
}

const server = await Server.start(program, reactor);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("chat in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const url = `${server.url}/`;
const browser = await openBrowser();
let current = server;
let ada, ming;

async function checkJoining() {
  await check("who joins hears it", async () => {
    ada = await enter(browser, url, "Ada");
    const line = await hears(ada, "Ada entered the room");
    expect(/^\[127\.0\.0\.1\]-\[\d\d:\d\d:\d\d\]-Ada entered the room$/.test(line), `the line is: ${line}`);
  });
  await check("who is there hears the next one join, and both see who is online", async () => {
    ming = await enter(browser, url, "小明", { locale: "zh-CN" });
    await hears(ming, "小明 进入聊天室");
    await hears(ada, "小明 entered the room");
    await onlineIs(ada, ["Ada", "小明"]);
    await onlineIs(ming, ["Ada", "小明"]);
    expectEqual(await ada.textContent("#onlineTitle"), "2 online", "the title of the list");
    expectEqual(await ming.textContent("#onlineTitle"), "在线 2 人", "the title of the list");
  });
}

async function checkTalking() {
  await check("what is said is heard by both, in both directions", async () => {
    await say(ada, "good morning");
    for (const [page, wanted] of [[ada, "-Ada says: good morning"], [ming, "-Ada 说：good morning"]]) {
      const line = await hears(page, wanted);
      expect(/^\[127\.0\.0\.1\]-\[\d\d:\d\d:\d\d\]-/.test(line), `the line is: ${line}`);
    }
    await say(ming, "and to you");
    await hears(ada, "小明 says: and to you");
    await hears(ming, "小明 说：and to you");
  });
  await check("sending clears the text box", async () => {
    expectEqual(await ada.inputValue("#text"), "", "the text box");
  });
  await check("Chinese and emoji arrive as they were sent", async () => {
    await say(ming, "你好，世界 👋🏽 𠮷 é");
    await hears(ada, "小明 says: 你好，世界 👋🏽 𠮷 é");
  });
  await check("Shift+Enter starts a new line, Enter sends them all", async () => {
    await ada.fill("#text", "first");
    await ada.press("#text", "Shift+Enter");
    await ada.keyboard.type("second");
    await ada.press("#text", "Enter");
    await hears(ming, "Ada 说：first\nsecond");
  });
  await check("Enter belongs to the input method while a word is composed", async () => {
    await ada.fill("#text", "zhong");
    await ada.evaluate(() => document.querySelector("#text").dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true })));
    expectEqual(await ada.inputValue("#text"), "zhong", "the text box");
    await ada.fill("#text", "");
  });
  await check("markup in a message is shown as text and does nothing", async () => {
    const hostile = '<script>window.harmed = true</script><img src=x onerror="window.harmed = true"><b>bold</b>';
    await say(ming, hostile);
    await hears(ada, hostile);
    expectEqual(await ada.$$eval("#log script, #log img, #log b", nodes => nodes.length), 0, "elements made of text");
    expectEqual(await ada.evaluate(() => window.harmed), undefined, "what the message ran");
  });
  await takePictures();
  await check("a message that is too long is kept and counted, not sent", async () => {
    await ada.fill("#text", "x".repeat(2001));
    await ada.press("#text", "Enter");
    expectEqual(await ada.textContent("#left"), "-1", "the characters left");
    expectEqual((await ada.inputValue("#text")).length, 2001, "the length of the text box");
    await say(ada, "界".repeat(2000));
    await hears(ming, "界".repeat(2000));
  });
}

async function checkNames() {
  await check("the same name twice gets a number, and is told", async () => {
    const second = await enter(browser, url, "Ada");
    await second.waitForFunction(() => /^Connected as Ada.*\d$/.test(document.querySelector("#stateText").textContent));
    const names = await online(second);
    expectEqual([names.length, new Set(names).size], [3, 3], "names, different names");
    await second.context().close();
  });
  await check("who leaves is seen to leave by the others", async () => {
    for (const [page, leave] of [[ada, / left the room$/], [ming, / 离开聊天室$/]]) {
      await page.waitForSelector("#log .leave");
      const line = await page.textContent("#log .leave");
      expect(leave.test(line) && /Ada.*\d /.test(line), `the line is: ${line}`);
      await onlineIs(page, ["Ada", "小明"]);
    }
  });
  await check("a new name is taken, seen by the others and remembered", async () => {
    await ada.click("#rename");
    await ada.fill("#name", "Ada L.");
    await ada.press("#name", "Enter");
    await onlineIs(ming, ["Ada L.", "小明"]);
    await ada.reload();
    await ada.waitForSelector('#state[data-state="online"]');
    await onlineIs(ming, ["Ada L.", "小明"]);
    expectEqual(await ada.textContent("#stateText"), "Connected as Ada L.", "the state");
  });
  await check("a keyboard is enough", async () => {
    const page = await openPerson(browser, seen);
    await page.goto(url);
    await page.keyboard.type("Keys");
    await page.keyboard.press("Enter");
    await page.waitForSelector('#state[data-state="online"]');
    await page.keyboard.type("no mouse here");
    await page.keyboard.press("Enter");
    await hears(ada, "Keys says: no mouse here");
    await page.focus("#language");
    await page.keyboard.press("Enter");
    await hears(page, "Keys 说：no mouse here");
    await page.context().close();
    await onlineIs(ada, ["Ada L.", "小明"]);
  });
}

async function checkReading() {
  await check("the newest line stays in sight, and a reader of old lines is not moved", async () => {
    await saySeveral(ming, 40, "page ");
    await hears(ada, "page 39");
    await ada.waitForFunction(() => {
      const node = document.querySelector("#scroll");
      return node.scrollHeight - node.scrollTop - node.clientHeight < 32;
    });
    await ada.evaluate(() => { document.querySelector("#scroll").scrollTop = 0; });
    await ada.waitForFunction(() => !following);
    await say(ming, "far below");
    await ada.waitForSelector("#newer", { state: "visible" });
    expectEqual(await ada.evaluate(() => document.querySelector("#scroll").scrollTop), 0, "where the reader stands");
    await ada.click("#newer");
    await ada.waitForSelector("#newer", { state: "hidden" });
  });
  await check("the page keeps the last 500 lines", async () => {
    await saySeveral(ming, 520, "many ");
    await hears(ada, "many 519");
    expectEqual(await ada.$$eval("#log li", nodes => nodes.length), 500, "lines");
  });
  await check("the language changes at once, for lines that stand already too", async () => {
    await ada.click("#language");
    await hears(ada, "小明 说：many 519");
    expectEqual(await ada.getAttribute("html", "lang"), "zh-CN", "the page's language");
    expectEqual(await ada.textContent("#send"), "发送", "the button");
    await ada.click("#language");
    await hears(ada, "小明 says: many 519");
  });
  await check("on a phone nothing sticks out sideways", async () => {
    await say(ming, `wide${"w".repeat(300)}`);
    await hears(ada, "w".repeat(300));
    for (const page of [ada, ming]) {
      await page.setViewportSize(phone);
      expectEqual(await horizontalOverflow(page), 0, "pixels beyond the edge");
      await page.click("#peopleButton");
      await page.waitForSelector("#online", { state: "visible" });
      await page.click("#peopleButton");
      await page.setViewportSize(projector);
    }
  });
}

async function takePictures() {
  for (const [page, language] of [[ada, "en"], [ming, "zh"]]) {
    for (const [place, viewport] of [["phone", phone], ["projector", projector]]) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        await screenshot(page, `chat-${language}-${place}-${colorScheme}`);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
  }
}

async function checkReconnecting() {
  await check("SIGTERM ends the server with exit code 0, and the pages say so", async () => {
    expectEqual(await current.stop(), 0, "the exit code");
    await ada.waitForSelector("#log li.note:last-child");
    await ming.waitForFunction(() => document.querySelector("#state").dataset.state !== "online");
    await hears(ada, "— the connection was lost —");
    await hears(ming, "—— 连接已断开 ——");
  });
  await check("what is typed without a connection is kept", async () => {
    await say(ada, "typed while the server was away");
    expectEqual(await ada.inputValue("#text"), "typed while the server was away", "the text box");
    expectEqual(await ada.textContent("#left"), "Not sent yet: there is no connection.", "the hint");
    await screenshot(ada, "chat-en-projector-offline");
  });
  await check("both pages come back by themselves when the server does, and talk", async () => {
    current = await Server.start(program, reactor, server.port);
    expect(current.url, `it did not start again on the same port: ${current.output}`);
    // They try again after fifteen seconds at most.
    for (const page of [ada, ming]) await page.waitForSelector('#state[data-state="online"]', { timeout: 2 * waitMs });
    await onlineIs(ada, ["Ada L.", "小明"]);
    await onlineIs(ming, ["Ada L.", "小明"]);
    expectEqual(await ada.textContent("#left"), "", "the hint");
    await ada.press("#text", "Enter");
    await hears(ming, "Ada L. 说：typed while the server was away");
    await say(ming, "welcome back");
    await hears(ada, "小明 says: welcome back");
  });
}

async function checkQuiet() {
  await check("no request leaves this machine", async () => {
    expectEqual(foreignRequests(seen), [], "requests elsewhere");
    expect(seen.requests.some(one => one.startsWith("ws://127.0.0.1")), "no WebSocket was seen");
  });
  await check("the pages complain of nothing but the refused connections", async () => {
    const expected = /WebSocket connection to .* failed: .*(ERR_CONNECTION_(REFUSED|RESET)|closed before)/;
    expectEqual(seen.complaints.filter(one => !expected.test(one)), [], "complaints");
  });
}

try {
  await checkJoining();
  await checkTalking();
  await checkNames();
  await checkReading();
  await checkReconnecting();
  await checkQuiet();
} finally {
  await browser.close();
  await check("the server ends with exit code 0", async () => expectEqual(await current.stop(), 0, "the exit code"));
}
process.exit(checks.finish());
