// TypeScript types of what the engine takes and answers, from the published schemas.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const shapes = { request: "Job", response: "Answer", levers: "Levers", why: "Why", diff: "Diff" };

await mkdir(new URL("../src/engine/", import.meta.url), { recursive: true });
for (const [file, name] of Object.entries(shapes)) {
  const schema = JSON.parse(await readFile(new URL(`../../docs/reference/${file}.schema.json`, import.meta.url), "utf8"));
  const text = await compile({ ...schema, title: name }, name, { additionalProperties: false, format: false });
  await writeFile(new URL(`../src/engine/${file}.ts`, import.meta.url), text);
}
