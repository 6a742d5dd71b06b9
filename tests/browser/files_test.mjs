// The shelf of files in Debian's Chromium, against the real program.
// usage: node files_test.mjs PROGRAM [epoll|io_uring]
import { Checks, Server, expect, expectEqual, foreignRequests, horizontalOverflow, openBrowser, openPerson, screenshot,
  skipSuite } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const phone = { width: 390, height: 844 }, projector = { width: 1280, height: 800 };
const seen = { requests: [], complaints: [] };
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

const server = await Server.start(program, reactor);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("the shelf in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const browser = await openBrowser();
const page = await openPerson(browser, seen);
await page.goto(`${server.url}/`);

// Also while one page takes the place of another, which has nothing in it at first.
const shows = (selector, pattern, where = page) => where.waitForFunction(([place, source]) =>
  new RegExp(source).test(document.querySelector(place)?.textContent ?? ""), [selector, pattern.source]);
const names = (where = page) => where.$$eval("#shelf td a", links => links.map(link => link.textContent));
const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });

async function checkUploads() {
  await check("an empty shelf says so", () => shows("#shelf", /Nothing here yet/));
  await check("what is chosen is sent, with its progress, and stands on the shelf", async () => {
    await page.evaluate(() => {
      window.told = [];
      new MutationObserver(() => window.told.push(document.querySelector("#state").textContent))
        .observe(document.querySelector("#state"), { childList: true });
    });
    const large = Buffer.alloc(12 * 1024 * 1024, "l");
    await page.setInputFiles("#choice", [{ name: "large.bin", mimeType: "application/octet-stream", buffer: large },
      file("<b>bold.txt", "not bold")]);
    await page.click("button.main");
    await shows("#state", /^large\.bin, <b>bold\.txt ✓$/);
    expectEqual(await names(), ["<b>bold.txt", "large.bin"], "the names");
    const told = await page.evaluate(() => window.told);
    expect(told.some(text => /^Sending \d+ %$/.test(text)), `no progress in ${told}`);
  });
  await check("a second one goes through without loading the page again, and comes back as it was", async () => {
    await page.setInputFiles("#choice", [file("笔记.txt", "二")]);
    await page.click("button.main");
    await shows("#state", /^笔记\.txt ✓$/);
    const content = await page.$eval("#shelf tr:last-child a", async link => (await fetch(link.href)).text());
    expectEqual(content, "二", "its content");
  });
  await check("what is dropped on the form is sent, too", async () => {
    const dropped = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["d"], "dropped.txt"));
      return transfer;
    });
    await page.dispatchEvent("#form", "drop", { dataTransfer: dropped });
    await shows("#state", /^dropped\.txt ✓$/);
    expect((await names()).includes("dropped.txt"), `the names are ${await names()}`);
  });
  await check("more than the server takes is not even sent", async () => {
    await page.evaluate(() => { document.querySelector("#form").dataset.limit = "3"; });
    await page.setInputFiles("#choice", [file("four.txt", "four")]);
    await page.click("button.main");
    await shows("#state", /more than the server takes/);
    expect(!(await names()).includes("four.txt"), "it was sent");
  });
}

async function checkLooks() {
  await check("without scripts the form works as ever", async () => {
    const plain = await openPerson(browser, seen, { javaScriptEnabled: false });
    await plain.goto(`${server.url}/`);
    await plain.setInputFiles("#choice", [file("plain.txt", "plain")]);
    await plain.click("button.main");
    // The page that it came from has the same address.
    await plain.locator("text=plain.txt").first().waitFor();
    expectEqual(await plain.locator("text=plain.txt").count(), 1, "lines with its name");
    await plain.context().close();
  });
  await check("a browser that prefers Chinese is spoken to in Chinese, and one click changes that", async () => {
    const chinese = await openPerson(browser, seen, { locale: "zh-CN" });
    await chinese.goto(`${server.url}/`);
    await shows("h1", /^文件架$/, chinese);
    await chinese.click("#language");
    await shows("h1", /^A shelf of files$/, chinese);
    await chinese.context().close();
  });
  await check("how it works is one click away, and one back", async () => {
    await page.goto(`${server.url}/`);
    await page.click("header a");
    await shows("h1", /^How the shelf works$/);
    await page.click("header a");
    await shows("h1", /^A shelf of files$/);
    await page.waitForLoadState();
  });
  await check("nothing sticks out sideways on a phone or a projector", async () => {
    for (const [place, viewport] of [["phone", phone], ["projector", projector]]) {
      await page.setViewportSize(viewport);
      expectEqual(await horizontalOverflow(page), 0, `pixels beyond the edge of the ${place}`);
    }
  });
}

async function takePictures() {
  for (const [name, path] of [["en", "/?lang=en"], ["zh", "/?lang=zh"], ["how", "/static/how.html"]]) {
    await page.goto(server.url + path);
    for (const [place, viewport] of [["phone", phone], ["projector", projector]]) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        await screenshot(page, `files-${name}-${place}-${colorScheme}`);
      }
    }
  }
}

try {
  await checkUploads();
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
