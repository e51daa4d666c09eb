// The page's engine answers with the same bytes as the command, over jobs that both are given as a job file.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { dist, open } from "./browser.mjs";

const TODAY = "2026-11-24";
const root = fileURLToPath(new URL("../../", import.meta.url));
const command = process.env.OUTLAY ?? join(root, "target/debug/outlay");
const jobs = JSON.parse(await readFile(new URL("jobs.json", import.meta.url), "utf8"));

let at;
let folder;
let page;

before(async () => {
  at = await open();
  folder = await mkdtemp(join(tmpdir(), "outlay-page-"));
  page = await at.page({ ready: false });
  const worker = (await readdir(join(dist, "assets"))).find((name) => name.startsWith("worker-"));
  await page.evaluate(async (worker) => {
    const module = await WebAssembly.compileStreaming(fetch("engine.wasm"));
    const thread = new Worker(`assets/${worker}`, { type: "module" });
    const said = () => new Promise((resolve) => thread.addEventListener("message", ({ data }) => resolve(data), { once: true }));
    thread.postMessage({ module });
    await said();
    globalThis.ask = async (what, ...args) => {
      thread.postMessage({ id: 1, what, args });
      const { text, crash } = await said();
      if (crash) throw new Error(crash);
      return text;
    };
  }, worker);
});

after(async () => {
  await at.close();
  await rm(folder, { recursive: true });
});

const ask = (...question) => page.evaluate((question) => globalThis.ask(...question), question);

/** What the command prints; a status of 1 says that no plan is feasible. */
const printed = (...args) =>
  new Promise((resolve, reject) => {
    execFile(command, [...args, "--json", "--today", TODAY], { maxBuffer: 64 << 20 }, (error, out, told) => {
      if (error && error.code !== 1) reject(new Error(`${args.join(" ")}: ${told}`));
      else resolve(out);
    });
  });

function put(job, key, value) {
  const names = key.split(".");
  const last = names.pop();
  let place = job;
  for (const name of names) place = place[name] ??= {};
  place[last] = value;
}

async function file(name, job) {
  const path = join(folder, name);
  const text = await ask("write_job", JSON.stringify(job));
  assert.ok(!text.startsWith("{"), text);
  await writeFile(path, text);
  return path;
}

test("there are fifty jobs and more", () => assert.ok(jobs.length >= 50, String(jobs.length)));

for (const [number, { example, ask: what, set = {} }] of jobs.entries()) {
  test(`${number + 1}: ${what} ${example} ${JSON.stringify(set)}`, async () => {
    const base = JSON.parse(await ask("read_job", await readFile(join(root, "examples", `${example}.toml`), "utf8")));
    const job = structuredClone(base);
    for (const [key, value] of Object.entries(set)) put(job, key, value);
    const [before, after] = [JSON.stringify(base), JSON.stringify(job)];
    const [answer, expected] = await {
      plan: async () => [await ask("plan", after, TODAY), await printed("plan", await file("a.toml", job))],
      estimate: async () => [await ask("estimate", after, TODAY), await printed("estimate", await file("a.toml", job))],
      levers: async () => [await ask("levers", after), await printed("levers", await file("a.toml", job))],
      diff: async () => [await ask("diff", before, after, TODAY), await printed("diff", await file("a.toml", base), await file("b.toml", job))],
      why: async () => {
        const flags = Object.entries(set).flatMap(([key, value]) => [value].flat().flatMap((one) => [`--${key.split(".")[1].replace("_", "-")}`, String(one)]));
        return [await ask("why", before, after, TODAY), await printed("why", await file("a.toml", base), ...flags)];
      },
    }[what]();
    assert.ok(answer.length > 200 && !answer.includes('"problems"'), answer.slice(0, 500));
    assert.ok(answer === expected, first(answer, expected));
  });
}

for (const [list, args] of [["models", []], ["hardware", []], ["offers", ["--limit", "0"]]]) {
  test(`the list of ${list}`, async () => assert.ok((await ask("list", list)) === (await printed(list, ...args))));
}

test("the schemas", async () => {
  for (const name of ["request", "response", "why", "diff", "levers", "scaling"]) {
    assert.equal(await ask("schema", name), await readFile(join(root, "docs/reference", `${name}.schema.json`), "utf8"));
  }
});

test("a job file reads back as it was written", async () => {
  for (const name of await readdir(join(root, "examples"))) {
    const job = await ask("read_job", await readFile(join(root, "examples", name), "utf8"));
    assert.equal(await ask("read_job", await ask("write_job", job)), job);
  }
});

test("what is wrong is said as everywhere", async () => {
  const { problems } = JSON.parse(await ask("plan", '{"model":{"base":"llama-3.1-8b"},"train":{"presicion":"bf16"}}', TODAY));
  assert.deepEqual(problems.map(({ code, at }) => [code, at]), [["unknown-key", "train.presicion"]]);
  assert.match(problems[0].help.join(), /precision/);
  assert.equal(JSON.parse(await ask("plan", "{", TODAY)).problems[0].code, "bad-syntax");
  assert.equal(JSON.parse(await ask("list", "x")).problems[0].code, "unknown-name");
});

/** Where two texts part. */
function first(one, other) {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  return `differs at ${at}: page ${JSON.stringify(one.slice(at - 60, at + 60))}, command ${JSON.stringify(other.slice(at - 60, at + 60))}`;
}
