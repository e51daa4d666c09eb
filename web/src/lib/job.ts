// A job as the page holds it: the keys that are written, nothing else. Never changed in place.

export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };
export type Job = { [section: string]: { [key: string]: Value } | Value[] };

/** The value of a dotted key; `undefined`: not written. */
export function get(job: Job, key: string): Value | undefined {
  let place: unknown = job;
  for (const name of key.split(".")) {
    if (place === null || typeof place !== "object" || !Object.hasOwn(place, name)) return undefined;
    place = (place as Record<string, unknown>)[name];
  }
  return place as Value;
}

/** The job with a key set, or left out where the value says nothing. */
export function set(job: Job, key: string, value: Value | undefined): Job {
  const write = (place: Record<string, Value>, names: string[]): Record<string, Value> => {
    const [name, ...rest] = names;
    const before = Object.hasOwn(place, name) ? place[name] : undefined;
    const inner = before !== null && typeof before === "object" && !Array.isArray(before) ? before : {};
    const after = rest.length ? write(inner, rest) : value;
    const { [name]: _, ...others } = place;
    return after === undefined || empty(after) ? others : { ...place, [name]: after };
  };
  return write(job as Record<string, Value>, key.split(".")) as Job;
}

function empty(value: Value): boolean {
  return value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

/** The job without keys that say nothing, as the engine hands it back. */
export function prune(value: Value): Value | undefined {
  if (Array.isArray(value)) return value.length ? value : undefined;
  if (value === null || value === "") return undefined;
  if (typeof value !== "object") return value;
  const kept = Object.entries(value).flatMap(([key, inner]) => {
    // What stands in a config.json is not ours to shorten.
    const pruned = key === "config" || key === "measured" || key === "vary" ? (inner ?? undefined) : prune(inner);
    return pruned === undefined ? [] : [[key, pruned] as const];
  });
  return kept.length ? Object.fromEntries(kept) : undefined;
}

/** What a person typed as the value of a key that takes this kind. */
export function typed(text: string, kind: "number" | "amount" | "text" | "list" | "flag"): Value | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const number = Number(trimmed.replaceAll(/[_,](?=\d)/g, ""));
  switch (kind) {
    case "list":
      return trimmed.split(",").map((item) => item.trim()).filter((item) => item !== "");
    case "flag":
      return trimmed === "true" ? true : trimmed === "false" ? false : trimmed;
    case "text":
      return trimmed;
    default:
      // What is no number is handed on as it is: the engine knows amounts, and says what is wrong with the rest.
      return Number.isFinite(number) ? number : trimmed;
  }
}

/** A value as a person would write it. */
export function written(value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.map((item) => written(item)).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
