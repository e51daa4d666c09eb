// What the page knows: the job, the answers, what is looked at. Every change of the job asks the engine anew; the latest
// wins; the address follows.
import type { Answer, Finish, Plan } from "../engine/response";
import type { Levers } from "../engine/levers";
import type { Why } from "../engine/why";
import { Lane, read, type Problem } from "./engine";
import { key, type Units } from "./format";
import { get, prune, set, type Job, type Value } from "./job";
import { LONGEST, read as readLink, write as writeLink, type State } from "./link";

export type Point = { target_loss: number; cost_usd: { low: number; mid: number; high: number } | null; hours: number | null; tokens: number | null };
export type ModelRow = { name: string; hub: string | null; family: string; params: number; active_params: number; aliases: string[] };
export type HardwareRow = { id: string; name: string; memory_gib: number; lowest_usd_per_hour: number | null };
export type TargetRow = { name: string; about: string; launcher: boolean };
/** A plan written down for a training program. */
export type Written = { files: { name: string; text: string }[]; open: string[]; notes: string[]; command: string | null };
export type OfferRow = { provider: string; region: string; accelerator: string };

/** Quiet time before the answers that take longer are asked for, in milliseconds. */
const QUIET = 300;
/** Quiet time before the address is changed. */
const REST = 350;
/** Distances of the other targets of a curve, in nats. */
const ASIDE = [-0.2, -0.15, -0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1, 0.15, 0.2];
/** Most plans beside each other. */
export const BESIDE = 3;

const fast = new Lane();
const slow = new Lane();

const today = () => new Date().toISOString().slice(0, 10);

class App {
  job = $state.raw<Job>({});
  answer = $state.raw<Answer | null>(null);
  problems = $state.raw<Problem[]>([]);
  levers = $state.raw<Levers | null>(null);
  /** The levers are those of the job as it is now. */
  fresh = $state(false);
  curve = $state.raw<Point[] | null>(null);
  why = $state.raw<{ plan: string; answer: Why | null; problems: Problem[] } | null>(null);
  /** How plans other than the pick finish, by their key; `null`: not to be had. */
  #finishes = $state.raw<Record<string, Finish | null>>({});
  models = $state.raw<ModelRow[]>([]);
  hardware = $state.raw<HardwareRow[]>([]);
  offers = $state.raw<OfferRow[]>([]);
  stacks = $state.raw<string[]>([]);
  /** What a plan may be written for. */
  targets = $state.raw<TargetRow[]>([]);
  /** Kinds of the keys, from the schema of a job. */
  kinds = $state.raw<Record<string, string>>({});
  selected = $state<string | null>(null);
  beside = $state.raw<string[]>([]);
  units = $state<Units>({ gb: false, hours: false });
  /** The engine works on the plan. */
  busy = $state(true);
  /** Milliseconds that the last plan took in the engine. */
  ms = $state(0);
  /** Said to the user beside the answers. */
  notice = $state<string | null>(null);
  address = $state("");

  /** Plans of the answer that can be looked at, the pick first. */
  plans = $derived.by(() => {
    const { answer } = this;
    if (!answer) return [];
    const all = [...(answer.pick ? [answer.pick] : []), ...answer.front, ...answer.losers.map((loser) => loser.plan)];
    const more = this.why?.answer?.named;
    const seen = new Set<string>();
    return (more ? [...all, more] : all).filter((plan) => !seen.has(key(plan)) && seen.add(key(plan)));
  });

  /** The plan that is looked at: the chosen one while it exists, else the pick. */
  plan: Plan | null = $derived(this.plans.find((plan) => key(plan) === this.selected) ?? this.answer?.pick ?? null);

  /** Plans beside each other. */
  compared: Plan[] = $derived(this.beside.flatMap((name) => this.plans.find((plan) => key(plan) === name) ?? []));

  #quiet: ReturnType<typeof setTimeout> | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  #ready = false;

  async start(first: string): Promise<void> {
    this.#ready = true;
    const lists = ["models", "hardware", "offers", "stacks", "targets"] as const;
    // The plan is asked for first; the lists follow it.
    await this.#open(first);
    for (const what of lists) {
      const reply = await slow.ask("list", what);
      if (!reply) continue;
      const rows = read<never[]>(reply.text);
      if (rows.answer) this[what] = rows.answer;
    }
    const schema = await slow.ask("schema", "request");
    if (schema) this.kinds = kinds(JSON.parse(schema.text));
    addEventListener("hashchange", () => void this.#follow());
  }

  async #open(first: string): Promise<void> {
    const state = await readLink(location.hash);
    if (state !== null && typeof state !== "string") return this.#take(state);
    await this.load(first, "replace");
    if (typeof state === "string") this.notice = `${state} Ask for it anew, or go on from the example below.`;
  }

  async #follow(): Promise<void> {
    if (location.hash.slice(1) === this.address) return;
    const state = await readLink(location.hash);
    if (state === null) return;
    if (typeof state === "string") {
      this.notice = `${state} What you had is still here.`;
      return;
    }
    this.#take(state);
  }

  #take(state: State): void {
    this.units = { gb: state.g === 1, hours: state.h === 1 };
    this.selected = state.s ?? null;
    this.beside = state.c?.slice(0, BESIDE) ?? [];
    this.notice = null;
    this.#change(state.j, "replace");
  }

  /** Takes a job file, TOML or JSON; the problems if it is none. */
  async load(text: string, how: "push" | "replace" = "push"): Promise<Problem[]> {
    this.busy = true;
    const reply = await fast.ask("read_job", text);
    if (!reply) return [];
    const { answer, problems } = read<Job>(reply.text);
    this.busy = answer !== null;
    if (answer) {
      this.selected = null;
      this.beside = [];
      this.#change((prune(answer as Value) ?? {}) as Job, how);
    }
    return problems;
  }

  /** The job as a job file; a model's config stays in a file of its own. */
  async file(): Promise<string> {
    const config = get(this.job, "model.config");
    const job = config === undefined ? this.job : set(set(this.job, "model.config", undefined), "model.base", "config.json");
    const reply = await slow.ask("write_job", JSON.stringify(job));
    return reply?.text ?? "";
  }

  /** Writes a plan for a training program, and a launcher after a comma. */
  async write(plan: Plan, to: string): Promise<{ answer: Written | null; problems: Problem[] }> {
    const reply = await slow.ask("write_stack", JSON.stringify(this.job), this.number(plan), to, today());
    return reply ? read<Written>(reply.text) : { answer: null, problems: [] };
  }

  /** Takes the config of a training program; where the program cannot say what it runs on, what stood here stays. */
  async stack(name: string, text: string): Promise<Problem[]> {
    const reply = await fast.ask("read_stack", name, text);
    if (!reply) return [];
    const { answer, problems } = read<{ program: string; job: Job; warnings: string[] }>(reply.text);
    if (!answer) return problems;
    const taken = (prune(answer.job as Value) ?? {}) as Job;
    const { hardware, limits, goal } = this.job;
    const kept = Object.fromEntries(Object.entries({ hardware, limits, goal }).filter(([, section]) => section !== undefined)) as Job;
    this.selected = null;
    this.beside = [];
    this.#change({ ...kept, ...taken, hardware: { ...(kept.hardware ?? {}), ...(taken.hardware ?? {}) } } as Job, "push");
    const said = answer.warnings.length ? ` Worth knowing: ${answer.warnings.join("; ")}.` : "";
    this.notice = `Taken from a config of ${answer.program}; where it says nothing of machines and limits, those that stood here stay.${said}`;
    return [];
  }

  /** Reads a `config.json`. */
  async config(text: string, name: string): Promise<Problem[]> {
    const reply = await fast.ask("read_config", text);
    if (!reply) return [];
    const { answer, problems } = read<Value>(reply.text);
    if (problems.length) return problems;
    if (answer === null || typeof answer !== "object" || Array.isArray(answer)) {
      const help = ["a config.json is a table with fields such as hidden_size and num_hidden_layers"];
      return [{ code: "unreadable-model", at: "model.config", message: "this JSON is no model's config", help }];
    }
    this.put({ "model.config": answer, "model.base": name, "model.custom": undefined }, "push");
    return [];
  }

  get(name: string): Value | undefined {
    return get(this.job, name);
  }

  /** Sets a key, as a control does while it is moved. */
  set(name: string, value: Value | undefined): void {
    this.put({ [name]: value }, "replace");
  }

  /** Sets several keys at once; `push`: the browser's way back undoes it. */
  put(values: Record<string, Value | undefined>, how: "push" | "replace"): void {
    let job = this.job;
    for (const [name, value] of Object.entries(values)) job = set(job, name, value);
    this.#change(job, how);
  }

  assumed(name: string): string | undefined {
    return this.answer?.assumptions.find((assumption) => assumption.key === name)?.value;
  }

  /** When a plan that is looked at is finished; `undefined`: not yet known. */
  finish(plan: Plan): Finish | null | undefined {
    return this.#finishes[key(plan)];
  }

  /** The number of a plan in the answer, as the command counts; 0: it is not one of them. */
  number(plan: Plan): number {
    const { answer } = this;
    if (!answer?.pick) return 0;
    const all = [answer.pick, ...answer.losers.map((loser) => loser.plan), ...answer.front];
    return all.findIndex((other) => key(other) === key(plan)) + 1;
  }

  /** Plays a plan out that is not the pick: by itself it is. */
  async #play(plan: Plan | null): Promise<void> {
    if (!plan || plan.finish || this.#finishes[key(plan)] !== undefined) return;
    const { job } = this;
    const reply = await slow.ask("alone", JSON.stringify(job), this.number(plan), today());
    if (!reply || job !== this.job) return;
    const { answer } = read<Answer>(reply.text);
    const same = answer?.pick && key(answer.pick) === key(plan) ? answer.pick.finish : null;
    this.#finishes = { ...this.#finishes, [key(plan)]: same ?? null };
  }

  select(plan: Plan): void {
    this.selected = key(plan);
    void this.#play(plan);
    this.why = this.why?.plan === this.selected ? this.why : null;
    void this.#write("replace");
  }

  compare(plan: Plan): void {
    const name = key(plan);
    const shown = this.compared.map(key);
    this.beside = shown.includes(name) ? shown.filter((other) => other !== name) : [...shown, name].slice(-BESIDE);
    void this.#write("replace");
  }

  /** The address that holds everything as it is now. */
  async link(): Promise<string> {
    await this.#address("replace");
    return location.href.split("#")[0] + "#" + this.address;
  }

  toggle(unit: keyof Units): void {
    this.units = { ...this.units, [unit]: !this.units[unit] };
    void this.#write("replace");
  }

  /** Asks why this plan is not the pick. */
  async ask(plan: Plan): Promise<void> {
    const name = key(plan);
    const named = JSON.stringify(fixed(this.job, plan));
    const reply = await slow.ask("why", JSON.stringify(this.job), named, today());
    if (reply) this.why = { plan: name, ...read<Why>(reply.text) };
  }

  #change(job: Job, how: "push" | "replace"): void {
    this.job = job;
    this.fresh = false;
    this.why = null;
    this.#finishes = {};
    void this.#write(how);
    void this.#plan();
  }

  async #plan(): Promise<void> {
    if (!this.#ready) return;
    const job = JSON.stringify(this.job);
    this.busy = true;
    clearTimeout(this.#quiet);
    const reply = await fast.ask("plan", job, today());
    if (!reply) return;
    const { answer, problems } = read<Answer>(reply.text);
    this.ms = reply.ms;
    this.problems = problems;
    if (answer) this.answer = answer;
    if (job !== JSON.stringify(this.job)) return;
    this.busy = false;
    this.#quiet = setTimeout(() => void this.#aside(job), QUIET);
  }

  /** What takes longer, once the job is left alone. */
  async #aside(job: string): Promise<void> {
    if (this.problems.length) return;
    await this.#play(this.plan);
    const levers = await slow.ask("levers", job);
    if (!levers || job !== JSON.stringify(this.job)) return;
    this.levers = read<Levers>(levers.text).answer;
    this.fresh = true;
    const target = this.get("train.target_loss");
    if (typeof target !== "number") {
      this.curve = null;
      return;
    }
    const losses = Float64Array.from(ASIDE, (aside) => target + aside).filter((loss) => loss > 0);
    const curve = await slow.ask("targets", job, losses, today());
    if (curve && job === JSON.stringify(this.job)) this.curve = read<Point[]>(curve.text).answer;
  }

  /** Brings the address up to date; browsers allow only so many changes of it in a time. */
  async #write(how: "push" | "replace"): Promise<void> {
    clearTimeout(this.#later);
    if (how === "replace") {
      this.#later = setTimeout(() => void this.#address("replace"), REST);
      return;
    }
    await this.#address("push");
  }

  async #address(how: "push" | "replace"): Promise<void> {
    const state: State = { j: this.job };
    if (this.selected) state.s = this.selected;
    if (this.beside.length) state.c = this.beside;
    if (this.units.gb) state.g = 1;
    if (this.units.hours) state.h = 1;
    const address = await writeLink(state);
    if (state.j !== this.job) return;
    this.address = address;
    if (address.length > LONGEST) return;
    if (how === "push") history.pushState(null, "", `#${address}`);
    else history.replaceState(history.state, "", `#${address}`);
  }
}

/** The job with the parts of a plan fixed. */
function fixed(job: Job, plan: Plan): Job {
  const { layout } = plan;
  const purchase = plan.purchase === "on-demand" || plan.purchase === "spot" || plan.purchase === "owned" ? plan.purchase : plan.purchase.startsWith("reserved") ? "reserved" : "mixed";
  const values: Record<string, Value | undefined> = {
    "hardware.accelerators": [plan.accelerator],
    "hardware.gpus": plan.accelerators,
    "hardware.max_gpus": undefined,
    "hardware.purchase": [purchase],
    "hardware.providers": purchase === "owned" ? undefined : [plan.provider],
    "hardware.regions": purchase === "owned" || plan.region === "" ? undefined : [plan.region],
    "layout.tp": layout.tp,
    "layout.pp": layout.pp,
    "layout.micro_batch": layout.micro_batch,
  };
  let named = job;
  for (const [name, value] of Object.entries(values)) named = set(named, name, value);
  return named;
}

type Shape = { type?: string | string[]; $ref?: string; anyOf?: Shape[]; properties?: Record<string, Shape> };

/** The kind of every dotted key, from the schema of a job. */
function kinds(schema: Shape & { $defs?: Record<string, Shape> }): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (at: string, shape: Shape, depth: number) => {
    const refs = [shape, ...(shape.anyOf ?? [])].flatMap((one) => (one.$ref ? [one.$ref.split("/").pop() ?? ""] : []));
    const types = [shape, ...(shape.anyOf ?? [])].flatMap((one) => one.type ?? []);
    const inner = refs.map((name) => schema.$defs?.[name]).find((one) => one?.properties) ?? shape;
    if (inner.properties && depth < 4) {
      for (const [name, one] of Object.entries(inner.properties)) walk(at ? `${at}.${name}` : name, one, depth + 1);
      return;
    }
    found[at] = refs.includes("Amount") ? "amount" : types.includes("array") ? "list" : types.includes("boolean") ? "flag" : types.includes("string") ? "text" : "number";
  };
  walk("", schema, 0);
  return found;
}

export const app = new App();
