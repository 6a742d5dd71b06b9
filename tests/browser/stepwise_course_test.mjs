// The course of `./stepwise serve` in Debian's Chromium, against the real program and the real chapters.
// usage: node stepwise_course_test.mjs PROGRAM [epoll|io_uring]
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Checks, Server, expect, expectEqual, foreignRequests, horizontalOverflow, openBrowser, openPerson, screenshot,
  skipSuite } from "./harness.mjs";

const [program, reactor = "epoll"] = process.argv.slice(2);
const phone = { width: 390, height: 844 }, projector = { width: 1280, height: 800 };
const languages = { en: "en", zh: "zh-CN" };
const folder = join(dirname(fileURLToPath(import.meta.url)), "../../tutorial");
const files = readdirSync(join(folder, "en")).filter(name => name.endsWith(".md")).sort();
const slugs = files.map(name => name.slice(0, -3));
const seen = { requests: [], complaints: [] };
const checks = new Checks();
const check = (name, body) => checks.check(name, body);

// Whether doxygen has made the reference of this build is nothing to the course: here it is one page.
const reference = mkdtempSync(join(tmpdir(), "stepwise-reference-"));
process.on("exit", () => rmSync(reference, { recursive: true }));
writeFileSync(join(reference, "index.html"), "<!doctype html><title>Reference</title>");
const server = await Server.start(program, reactor, 0, ["--reference", reference]);
if (!server.url && reactor === "io_uring" && /io_uring/.test(server.output)) {
  skipSuite("the course in the browser", `no io_uring here: ${server.output.trim()}`);
}
expect(server.url, `${program} did not say where it listens: ${server.output}`);
const browser = await openBrowser();
const page = await openPerson(browser, seen);
const course = `${server.url}/course`;

async function open(path, viewport = projector) {
  await page.setViewportSize(viewport);
  const response = await page.goto(`${course}/${path}`);
  expectEqual(response.status(), 200, `the status of ${path}`);
}

// Pixels by which text is smaller than a class can read from the last row.
async function smallestText() {
  return page.evaluate(() => Math.min(...[...document.querySelectorAll("body *")]
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()))
    .map(node => parseFloat(getComputedStyle(node).fontSize))));
}

async function checkChapter(language, slug) {
  await check(`${language}/${slug} opens and fits on a projector and a phone`, async () => {
    for (const [place, viewport] of [["projector", projector], ["phone", phone]]) {
      await open(`${language}/${slug}`, viewport);
      expectEqual(await page.getAttribute("html", "lang"), languages[language], "the page's language");
      expectEqual(await page.locator("h1").count(), 1, "titles");
      expectEqual(await horizontalOverflow(page), 0, `pixels beyond the edge of the ${place}`);
      const broken = await page.$$eval("img", images => images.filter(one => !one.naturalWidth).map(one => one.src));
      expectEqual(broken, [], "pictures that did not load");
      if (place === "projector") expect(await smallestText() >= 20, `text of ${await smallestText()} px`);
      for (const colorScheme of process.env.STEPWISE_SCREENSHOTS ? ["light", "dark"] : []) {
        await page.emulateMedia({ colorScheme });
        await screenshot(page, `course-${language}-${slug || "list"}-${place}-${colorScheme}`, { fullPage: true });
      }
    }
  });
  await check(`every link of ${language}/${slug} leads to a page`, async () => {
    await open(`${language}/${slug}`);
    const links = await page.$$eval("a[href]", nodes => nodes.map(node => node.href));
    for (const link of new Set(links.filter(one => one.startsWith(server.url)))) {
      const response = await page.request.get(link);
      expectEqual(response.status(), 200, `the status of ${link}`);
      const id = decodeURIComponent(new URL(link).hash.slice(1));
      if (id) expect((await response.text()).includes(`id="${id}"`), `${link}: there is no such heading`);
    }
  });
}

async function checkTheWay() {
  await check("the list names every chapter, and behind them the pages without a number", async () => {
    for (const language of Object.keys(languages)) {
      await open(`${language}/`);
      const listed = await page.$$eval(".chapters a", nodes => nodes.map(node => node.getAttribute("href")));
      expectEqual(listed, slugs, `the chapters and pages in ${language}`);
      const further = await page.$$eval(".further a", nodes => nodes.map(node => node.getAttribute("href")));
      expectEqual(further, slugs.filter(slug => !/^\d/.test(slug)), `the pages without a number in ${language}`);
    }
  });
  await check("the language switch keeps the chapter", async () => {
    await open(`en/${slugs[1]}`);
    await page.click("#language");
    await page.waitForURL(`${course}/zh/${slugs[1]}`);
    await page.click("#language");
    await page.waitForURL(`${course}/en/${slugs[1]}`);
  });
  await check("next and previous walk through all chapters and back", async () => {
    await open(`zh/${slugs[0]}`);
    for (const slug of slugs.slice(1)) {
      await page.click("a.next");
      await page.waitForURL(`${course}/zh/${slug}`);
    }
    expectEqual(await page.locator("a.next").count(), 0, "ways on behind the last page");
    for (const slug of slugs.slice(0, -1).reverse()) {
      await page.click("a.prev");
      await page.waitForURL(`${course}/zh/${slug}`);
    }
  });
  await check("the start page leads to the course in the language that it speaks", async () => {
    for (const language of Object.keys(languages)) {
      await page.goto(`${server.url}/?lang=${language}`);
      await page.click("#course");
      await page.waitForURL(`${course}/${language}/`);
    }
  });
  await check("a browser that prefers Chinese is led to the Chinese list", async () => {
    const chinese = await openPerson(browser, seen, { locale: "zh-CN" });
    await chinese.goto(`${server.url}/course`);
    await chinese.waitForURL(`${course}/zh/`);
    await chinese.context().close();
  });
}

async function checkCode() {
  await check("code is coloured and leads to its whole source", async () => {
    await open("en/01-sync");
    expect(await page.locator("pre.cpp .k").count() > 0, "no keyword is marked");
    await page.click(".from a");
    await page.waitForURL(`${course}/source/demos/01_sync.cpp`);
    expect((await page.textContent("pre.cpp")).includes("int main("), "the whole file is not shown");
  });
}

try {
  for (const language of Object.keys(languages)) {
    for (const slug of ["", ...slugs]) await checkChapter(language, slug);
  }
  await checkTheWay();
  await checkCode();
  await check("no request leaves this machine", async () => {
    expectEqual(foreignRequests(seen), [], "requests elsewhere");
  });
  await check("the pages complain of nothing", async () => expectEqual(seen.complaints, [], "complaints"));
} finally {
  await browser.close();
  await check("the server ends with exit code 0", async () => expectEqual(await server.stop(), 0, "the exit code"));
}
process.exit(checks.finish());
