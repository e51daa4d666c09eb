// Everything in the address: `#1z<base64url of deflated JSON>`, or `#1j<base64url of JSON>` where a browser cannot deflate.
//
// The digit is the version of the state. An address that cannot be read is refused with a sentence and a way forward,
// never half read.
import type { Job } from "./job";

/** What a link carries. */
export type State = {
  /** The job. */
  j: Job;
  /** Plan that is looked at. */
  s?: string;
  /** Plans beside each other. */
  c?: string[];
  /** Memory in GB rather than GiB. */
  g?: 1;
  /** Times in hours alone. */
  h?: 1;
};

/** Longest address that is made and read; longer ones break in mails and chats. */
export const LONGEST = 16_000;
/** Largest state that is unpacked: a short link must not blow up. */
const LARGEST = 4 << 20;

const packed = (bytes: Uint8Array) => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
};

const unpacked = (text: string) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

async function through(bytes: Uint8Array<ArrayBuffer>, stream: ReadableWritablePair<Uint8Array, BufferSource>): Promise<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream as ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>>).getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > LARGEST) throw new Error("too large");
    chunks.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The part after `#`. */
export async function write(state: State): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  if (typeof CompressionStream === "undefined") return `1j${packed(bytes)}`;
  return `1z${packed(await through(bytes, new CompressionStream("deflate-raw")))}`;
}

/** The state of an address; a sentence if it cannot be read; `null` if it carries none. */
export async function read(hash: string): Promise<State | string | null> {
  const text = hash.replace(/^#/, "");
  if (text === "") return null;
  const [, version, form, body] = /^(\d+)([zj])([\w-]*)$/.exec(text) ?? [];
  if (version === undefined) return "This link is not one of outlay's, or a part of it was lost on the way.";
  if (version !== "1") return `This link was made by a newer outlay (version ${version} of links; this page reads 1).`;
  if (text.length > LONGEST) return "This link is longer than any that outlay makes.";
  try {
    let bytes: Uint8Array = unpacked(body);
    if (form === "z") {
      if (typeof DecompressionStream === "undefined") return "This browser cannot unpack the link; a newer one can.";
      bytes = await through(bytes as Uint8Array<ArrayBuffer>, new DecompressionStream("deflate-raw"));
    }
    const state = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
    return sound(state) ? state : "This link does not hold a job.";
  } catch {
    return "This link is damaged: a part of it was lost or changed on the way.";
  }
}

function sound(state: unknown): state is State {
  const table = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!table(state)) return false;
  const { j, s, c } = state as Record<string, unknown>;
  const sections = table(j) && Object.values(j as object).every((section) => typeof section === "object" && section !== null);
  const text = (value: unknown) => typeof value === "string";
  return sections && (s === undefined || text(s)) && (c === undefined || (Array.isArray(c) && c.every(text)));
}
