// Asks the engine. Two lanes, each a worker: the plan, which must follow every change, and everything that may take longer.
//
// In a lane one question is asked at a time, and of those that wait only the latest of each kind is: what is overtaken is
// answered with `null`. A lane that is stuck is replaced once its successor is ready, so that nothing is lost offline.
import wasm from "../engine/outlay_wasm_bg.wasm?url";

export type Problem = { code: string; at: string; message: string; help: string[] };
/** The text of an answer and the milliseconds it took; `null`: overtaken by a newer question. */
export type Reply = { text: string; ms: number } | null;

type Waiting = { what: string; args: unknown[]; done: (reply: Reply) => void };

/** Longest that a newer question waits for an older one before the lane is replaced, in milliseconds. */
const PATIENCE = 2500;

let compiled: Promise<WebAssembly.Module> | undefined;

/** Fetches the engine, once. */
function engine(): Promise<WebAssembly.Module> {
  compiled ??= fetch(wasm).then(async (response) => {
    if (!response.ok) throw new Error(`the engine could not be loaded: ${response.status}`);
    return WebAssembly.compile(await response.arrayBuffer());
  });
  return compiled;
}

function start(module: WebAssembly.Module): Promise<Worker> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("../worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = () => resolve(worker);
    worker.onerror = (event) => reject(new Error(event.message || "the engine could not be started"));
    worker.postMessage({ module });
  });
}

export class Lane {
  #worker: Promise<Worker> | undefined;
  #asked: (Waiting & { id: number; since: number }) | undefined;
  #waiting: Waiting[] = [];
  #count = 0;
  #replacing = false;

  ask(what: string, ...args: unknown[]): Promise<Reply> {
    return new Promise((done) => {
      this.#waiting = this.#waiting.filter((other) => {
        if (other.what === what) other.done(null);
        return other.what !== what;
      });
      this.#waiting.push({ what, args, done });
      if (this.#asked) setTimeout(() => this.#unstick(), PATIENCE);
      void this.#next();
    });
  }

  async #next(): Promise<void> {
    if (this.#asked) return;
    const first = this.#waiting.shift();
    if (!first) return;
    const id = ++this.#count;
    this.#asked = { ...first, id, since: performance.now() };
    try {
      this.#worker ??= engine().then(start);
      const worker = await this.#worker;
      worker.onmessage = ({ data }) => this.#answered(data);
      worker.onerror = (event) => this.#answered({ id, crash: event.message, ms: 0 });
      worker.postMessage({ id, what: first.what, args: first.args });
    } catch (error) {
      this.#worker = undefined;
      this.#answered({ id, crash: String(error), ms: 0 });
    }
  }

  #answered({ id, text, crash, ms }: { id: number; text?: string; crash?: string; ms: number }): void {
    const asked = this.#asked;
    if (!asked || asked.id !== id) return;
    this.#asked = undefined;
    if (text === undefined) {
      // After a crash the memory of the engine is not to be trusted.
      void this.#worker?.then((worker) => worker.terminate());
      this.#worker = undefined;
      text = JSON.stringify({ problems: [broken(crash ?? "unknown")] });
    }
    asked.done({ text, ms });
    void this.#next();
  }

  async #unstick(): Promise<void> {
    const asked = this.#asked;
    // Only what a newer question of its kind has made pointless is given up.
    const pointless = asked && this.#waiting.some((newer) => newer.what === asked.what);
    if (!pointless || this.#replacing || performance.now() - asked.since < PATIENCE) return;
    this.#replacing = true;
    try {
      const old = this.#worker;
      const fresh = await start(await engine());
      void old?.then((worker) => worker.terminate());
      this.#worker = Promise.resolve(fresh);
      if (this.#asked === asked) {
        this.#asked = undefined;
        asked.done(null);
      }
      void this.#next();
    } catch {
      // No successor (offline, nothing cached): the old one will answer some time.
    } finally {
      this.#replacing = false;
    }
  }
}

function broken(what: string): Problem {
  return {
    code: "internal",
    at: "",
    message: `the engine stopped: ${what}`,
    help: ["this is a fault of outlay, not of your input: please report it with the exported job file", "reload the page to go on"],
  };
}

/** The problems in an answer, or the answer. */
export function read<T>(text: string): { answer: T; problems: [] } | { answer: null; problems: Problem[] } {
  const value = JSON.parse(text) as T | { problems: Problem[] };
  if (value !== null && typeof value === "object" && "problems" in value) return { answer: null, problems: value.problems };
  return { answer: value as T, problems: [] };
}
