// Axes: where a figure stands and which figures are named.

export type Scale = { at: (value: number) => number; ticks: number[] };

/** A logarithmic axis with some room at its ends. */
export function log(values: number[], from: number, to: number): Scale {
  const good = values.filter((value) => value > 0 && Number.isFinite(value));
  const low = Math.log(Math.min(...good) || 1);
  const high = Math.log(Math.max(...good) || 1);
  const room = Math.max((high - low) * 0.1, 0.25);
  const [least, most] = [low - room, high + room];
  const at = (value: number) => from + ((Math.log(value) - least) / (most - least)) * (to - from);
  const steps = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 5, 7]];
  let ticks: number[] = [];
  for (const factors of steps) {
    ticks = [];
    for (let decade = Math.floor(least / Math.LN10); decade <= Math.ceil(most / Math.LN10); decade++) {
      for (const factor of factors) {
        const value = factor * 10 ** decade;
        if (Math.log(value) >= least && Math.log(value) <= most) ticks.push(value);
      }
    }
    if (ticks.length >= 3) break;
  }
  // The figures themselves where no round one lies within.
  if (ticks.length < 2) ticks = linear([Math.exp(least), Math.exp(most)], from, to).ticks.filter((tick) => tick > 0);
  return { at, ticks };
}

/** A linear axis with round figures. */
export function linear(values: number[], from: number, to: number, zero = false): Scale {
  const low = zero ? 0 : Math.min(...values);
  const high = Math.max(...values);
  const room = zero ? 0 : (high - low) * 0.08 || Math.abs(high) * 0.1 || 1;
  const [least, most] = [low - room, high + (zero ? high * 0.02 : room)];
  const at = (value: number) => from + ((value - least) / (most - least || 1)) * (to - from);
  const rough = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const ticks: number[] = [];
  for (let tick = Math.ceil(least / step) * step; tick <= most + step * 1e-9; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return { at, ticks };
}

const [SECOND, MINUTE, DAY] = [1 / 3600, 1 / 60, 24];
/** Spans that a person counts in, in hours. */
const SPANS = [
  ...[1, 2, 5, 10, 20, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 20, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count),
  ...[1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100, 200, 300, 500, 1000, 2000, 5000, 10_000].map((count) => count * DAY),
];

/** A logarithmic axis of hours, named at spans that a person counts in. */
export function logHours(values: number[], from: number, to: number): Scale {
  const scale = log(values, from, to);
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const ticks = SPANS.filter((span) => scale.at(span) >= low && scale.at(span) <= high);
  return ticks.length > 1 ? { at: scale.at, ticks } : scale;
}

/** A linear axis of hours, in days where they are many. */
export function linearHours(values: number[], from: number, to: number): Scale {
  const unit = Math.max(...values) >= 72 ? DAY : Math.max(...values) >= 3 ? 1 : Math.max(...values) >= 3 * MINUTE ? MINUTE : SECOND;
  const scale = linear(values.map((value) => value / unit), from, to);
  return { at: (value) => scale.at(value / unit), ticks: scale.ticks.map((tick) => tick * unit) };
}

/** The ticks that have room: none nearer than so many pixels to the one before. */
export function roomy(scale: Scale, apart: number): number[] {
  let last = Number.NEGATIVE_INFINITY;
  return scale.ticks.filter((tick) => {
    if (Math.abs(scale.at(tick) - last) < apart) return false;
    last = scale.at(tick);
    return true;
  });
}

/** A curve through points that rise, as a path: it never falls between two of them (Fritsch and Carlson). */
export function rising(points: { x: number; y: number }[]): string {
  const last = points.length - 1;
  const slope = (at: number) => {
    const [from, to] = [points[Math.max(at, 0)], points[Math.min(at + 1, last)]];
    return to.x > from.x ? (to.y - from.y) / (to.x - from.x) : 0;
  };
  // The harmonic mean of both sides; flat where one side is.
  const steep = (at: number) => {
    const [before, after] = [slope(Math.max(at - 1, 0)), slope(Math.min(at, last - 1))];
    return before * after > 0 ? (2 * before * after) / (before + after) : 0;
  };
  return points
    .map(({ x, y }, at) => {
      if (at === 0) return `M${x} ${y}`;
      const from = points[at - 1];
      const third = (x - from.x) / 3;
      return `C${from.x + third} ${from.y + steep(at - 1) * third} ${x - third} ${y - steep(at) * third} ${x} ${y}`;
    })
    .join("");
}
