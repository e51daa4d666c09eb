// The engine in a thread of its own: one question after the other, the page never waits.
import * as engine from "./engine/outlay_wasm.js";

type Question = { id: number; what: string; args: unknown[] };

const doors: Record<string, (...args: never[]) => string> = {
  plan: engine.plan,
  estimate: engine.estimate,
  levers: engine.levers,
  why: engine.why,
  diff: engine.diff,
  pipeline: engine.pipeline,
  list: engine.list,
  schema: engine.schema,
  read_job: engine.read_job,
  write_job: engine.write_job,
  read_config: engine.read_config,
  targets: engine.targets,
  alone: engine.alone,
  write_stack: engine.write_stack,
  read_stack: engine.read_stack,
};

addEventListener("message", ({ data }: MessageEvent<{ module: WebAssembly.Module } | Question>) => {
  if ("module" in data) {
    engine.initSync({ module: data.module });
    postMessage({ ready: true });
    return;
  }
  const { id, what, args } = data;
  const start = performance.now();
  try {
    const text = doors[what](...(args as never[]));
    postMessage({ id, text, ms: performance.now() - start });
  } catch (error) {
    postMessage({ id, crash: String(error), ms: performance.now() - start });
  }
});
