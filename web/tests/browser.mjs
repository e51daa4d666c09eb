// The committed page in headless Chromium: a static server, a browser, a page whose faults are collected.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm", ".svg": "image/svg+xml" };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
/** Patience with a loaded machine, in milliseconds. */
export const PATIENCE = 120_000;

/** Serves the page as any static host would, and nothing else. */
async function serve() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, "http://x").pathname);
    try {
      const body = await readFile(join(dist, path === "/" ? "index.html" : path));
      response.writeHead(200, { "content-type": TYPES[extname(path === "/" ? ".html" : path)] ?? "text/html" });
      response.end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found");
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** A browser with the page at hand. */
export async function open() {
  const server = await serve();
  const origin = `http://127.0.0.1:${server.address().port}`;
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: FLAGS });
  return {
    origin,
    browser,
    /** A page of its own, ready: its faults and requests are kept. */
    async page({ hash = "", ready = true, ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, acceptDownloads: true, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE);
      const kept = { faults: [], requests: [] };
      page.on("console", (message) => ["error", "warning"].includes(message.type()) && kept.faults.push(message.text()));
      page.on("pageerror", (error) => kept.faults.push(error.message));
      page.on("dialog", (dialog) => {
        kept.faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("request", (request) => kept.requests.push(request.url()));
      await page.goto(`${origin}/${hash}`);
      if (ready) await settled(page);
      return Object.assign(page, { kept });
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Waits until the engine has answered the last change. */
export async function settled(page) {
  // One turn for the change to arrive.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 60)));
  await page.waitForFunction(() => {
    const main = document.querySelector("main");
    return main?.dataset.ready === "true" && main.dataset.busy === "false";
  });
}

export const verdict = (page) => page.locator("#verdict").innerText();
export const problems = (page) => page.locator(".problems li").allInnerTexts();

/** Begins with one of the doors. */
export async function door(page, name) {
  await page.getByRole("navigation").getByRole("button", { name }).click();
  await settled(page);
}

/** Types a value into a control. */
export async function type(page, label, text) {
  const control = page.getByRole("textbox", { name: label, exact: true });
  await control.fill(text);
  await control.blur();
  await settled(page);
}
