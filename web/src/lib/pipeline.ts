// The order of work in a pipeline, for a drawing: which stage does which micro-batch when. A backward pass takes as long as
// two forward passes. Only the schedules that this knows are drawn; times are the engine's business.

export type Block = { stage: number; batch: number; back: boolean; from: number; to: number };

/** Most micro-batches and stages that can be told apart in a drawing. */
export const MOST = { batches: 12, stages: 16 };

/** The blocks of a schedule; `null` where it is not one that can be drawn so. */
export function blocks(schedule: string, stages: number, batches: number): Block[] | null {
  if (schedule !== "gpipe" && schedule !== "1f1b") return null;
  const orders = Array.from({ length: stages }, (_, stage) => {
    const first = schedule === "gpipe" ? batches : Math.min(stages - stage, batches);
    const order: { batch: number; back: boolean }[] = [];
    for (let batch = 0; batch < first; batch++) order.push({ batch, back: false });
    for (let batch = first; batch < batches; batch++) order.push({ batch: batch - first, back: true }, { batch, back: false });
    for (let batch = batches - first; batch < batches; batch++) order.push({ batch, back: true });
    return order;
  });
  const ends = new Map<string, number>();
  const name = (stage: number, batch: number, back: boolean) => `${stage} ${batch} ${back}`;
  const free = new Array<number>(stages).fill(0);
  const next = new Array<number>(stages).fill(0);
  const found: Block[] = [];
  for (let moved = true; moved; ) {
    moved = false;
    for (let stage = 0; stage < stages; stage++) {
      const work = orders[stage][next[stage]];
      if (!work) continue;
      const before = work.back ? (stage === stages - 1 ? name(stage, work.batch, false) : name(stage + 1, work.batch, true)) : stage === 0 ? "" : name(stage - 1, work.batch, false);
      const ready = before === "" ? 0 : ends.get(before);
      if (ready === undefined) continue;
      const from = Math.max(free[stage], ready);
      const to = from + (work.back ? 2 : 1);
      found.push({ stage, ...work, from, to });
      ends.set(name(stage, work.batch, work.back), to);
      free[stage] = to;
      next[stage] += 1;
      moved = true;
    }
  }
  return found;
}
