// The order of work in a pipeline, as the engine plays it; the page only draws it.
import { Lane, read } from "./engine";

export type Turn = { stage: number; piece: number; batch: number; pass: "forward" | "backward" | "inputs" | "weights"; from: number; to: number; shared: boolean };
export type Pipeline = { stages: number; pieces: number; micro_batches: number; end: number; turns: Turn[] };

const lane = new Lane();

/** The schedule of a layout; `null`: it cannot be played, or something newer was asked. */
export async function played(layout: { schedule: string; pp: number; vpp: number; accumulation: number }): Promise<Pipeline | null> {
  const reply = await lane.ask("pipeline", layout.schedule, layout.pp, layout.vpp, layout.accumulation);
  return reply && read<Pipeline>(reply.text).answer;
}
