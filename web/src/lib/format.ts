// How figures are written. Formatting alone: no figure is made here.
import type { Interval, Plan } from "../engine/response";

export type Units = { gb: boolean; hours: boolean };

const grouped = (value: number, digits: number) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function usd(value: number): string {
  const size = Math.abs(value);
  if (size > 0 && size < 0.005) return "< $0.01";
  return `${value < 0 ? "−" : ""}$${grouped(size, size < 1000 ? 2 : 0)}`;
}

/** For axes and small places. */
export function usdShort(value: number): string {
  const size = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (size >= 1e9) return `${sign}$${trim(size / 1e9)}B`;
  if (size >= 1e6) return `${sign}$${trim(size / 1e6)}M`;
  if (size >= 1e4) return `${sign}$${trim(size / 1e3)}k`;
  return `${sign}$${size >= 100 ? grouped(size, 0) : size >= 1 ? trim(size) : trimSmall(size)}`;
}

const trim = (value: number) => String(Number(value.toPrecision(3)));
const trimSmall = (value: number) => String(Number(value.toPrecision(2)));

/** A span of hours in the unit that suits it. */
export function time(hours: number, units: Units): string {
  if (hours === 0) return "0";
  const size = Math.abs(hours);
  const sign = hours < 0 ? "−" : "";
  if (units.hours) return `${sign}${size >= 100 ? grouped(size, 0) : trim(size)} h`;
  if (size >= 48) return `${sign}${trim(size / 24)} days`;
  if (size >= 1) return `${sign}${trim(size)} h`;
  if (size >= 1 / 60) return `${sign}${trim(size * 60)} min`;
  return `${sign}${trim(size * 3600)} s`;
}

export function seconds(value: number): string {
  if (value >= 120) return `${trim(value / 60)} min`;
  return value >= 1 ? `${trim(value)} s` : `${trim(value * 1000)} ms`;
}

export function memory(gib: number, units: Units): string {
  const value = units.gb ? (gib * 2 ** 30) / 1e9 : gib;
  return `${value >= 100 ? grouped(value, 0) : value.toFixed(1)} ${units.gb ? "GB" : "GiB"}`;
}

export function count(value: number): string {
  if (value >= 1e12) return `${trim(value / 1e12)}T`;
  if (value >= 1e9) return `${trim(value / 1e9)}B`;
  if (value >= 1e6) return `${trim(value / 1e6)}M`;
  if (value >= 1e4) return `${trim(value / 1e3)}k`;
  return grouped(value, 0);
}

export function share(value: number): string {
  const percent = value * 100;
  return `${percent >= 99.5 && percent < 100 ? "> 99" : percent > 0 && percent < 0.5 ? "< 1" : Math.round(percent)} %`;
}

export function change(before: number, after: number): string {
  const percent = (after / before - 1) * 100;
  if (!Number.isFinite(percent) || Math.abs(percent) < 0.05) return "±0 %";
  const size = Math.abs(percent);
  if (percent > 900) return `×${trim(after / before)}`;
  return `${percent < 0 ? "−" : "+"}${size >= 10 ? Math.round(size) : size.toFixed(1)} %`;
}

export function range(interval: Interval, write: (value: number) => string): string {
  const [low, high] = [write(interval.low), write(interval.high)];
  return low === high ? low : `${low} – ${high}`;
}

/** `2× NVIDIA L4 (gcp spot)`. */
export function machines(plan: Plan): string {
  const whose = plan.purchase === "owned" ? "your own" : `${plan.provider} ${plan.purchase}`;
  return `${plan.accelerators}× ${plan.accelerator_name} (${whose})`;
}

export function cost(plan: Plan): string {
  if (!plan.cost_usd) return "price unknown";
  return `${plan.cost_at_least ? "at least " : ""}${usd(plan.cost_usd.mid)}`;
}

/** The layout in a line, leaving out widths of one. */
export function layout(plan: Plan): string {
  const { dp, tp, pp, vpp, cp, ep, zero, micro_batch, accumulation, recompute, offload, schedule } = plan.layout;
  const widths = Object.entries({ dp, tp, pp, vpp, cp, ep }).filter(([, width]) => width > 1);
  const parts = widths.map(([name, width]) => `${name} ${width}`);
  if (pp > 1) parts.push(schedule);
  if (zero !== "none") parts.push(zero);
  parts.push(`micro-batch ${micro_batch} × ${accumulation}`);
  if (recompute !== "none") parts.push(`recompute ${recompute}`);
  if (offload !== "none") parts.push(`offload ${offload}`);
  return parts.join(" · ");
}

/** Tells plans of one answer apart, and finds them again in the next. */
export function key(plan: Plan): string {
  const { layout: l } = plan;
  const widths = [l.dp, l.tp, l.pp, l.vpp, l.cp, l.ep, l.zero, l.micro_batch, l.recompute].join(".");
  const chosen = plan.choices.map((choice) => `${choice.key}=${choice.value}`).join(",");
  return [plan.accelerator, plan.accelerators, plan.provider, plan.region, plan.instance, plan.purchase, widths, chosen].join("|");
}
