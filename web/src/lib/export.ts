// Files to keep: the answer as JSON, the plans as CSV, the charts as a picture, the job as a job file.
import type { Answer, Plan } from "../engine/response";
import { cost, key, time } from "./format";

/** Hands a file to the browser. */
export function save(name: string, content: BlobPart, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const COLUMNS: [string, (plan: Plan) => string | number | null | undefined][] = [
  ["accelerators", (plan) => plan.accelerators],
  ["accelerator", (plan) => plan.accelerator],
  ["provider", (plan) => plan.provider],
  ["region", (plan) => plan.region],
  ["instance", (plan) => plan.instance],
  ["purchase", (plan) => plan.purchase],
  ["machine_usd_per_hour", (plan) => plan.machine_usd_per_hour],
  ["price_as_of", (plan) => plan.price_as_of],
  ["cost_usd", (plan) => plan.cost_usd?.mid],
  ["cost_usd_low", (plan) => plan.cost_usd?.low],
  ["cost_usd_high", (plan) => plan.cost_usd?.high],
  ["hours", (plan) => plan.hours.mid],
  ["hours_low", (plan) => plan.hours.low],
  ["hours_high", (plan) => plan.hours.high],
  ["memory_gib", (plan) => plan.memory_gib],
  ["capacity_gib", (plan) => plan.capacity_gib],
  ["fit_probability", (plan) => plan.fit_probability],
  ["step_s", (plan) => plan.step_s.mid],
  ["mfu", (plan) => plan.mfu],
  ["dp", (plan) => plan.layout.dp],
  ["tp", (plan) => plan.layout.tp],
  ["pp", (plan) => plan.layout.pp],
  ["cp", (plan) => plan.layout.cp],
  ["ep", (plan) => plan.layout.ep],
  ["zero", (plan) => plan.layout.zero],
  ["micro_batch", (plan) => plan.layout.micro_batch],
  ["recompute", (plan) => plan.layout.recompute],
];

/** The plans as a table; what is unknown is empty. */
export function csv(plans: Plan[], answer: Answer): string {
  const pick = answer.pick ? key(answer.pick) : "";
  const front = new Set(answer.front.map(key));
  const cell = (value: string | number | null | undefined) => {
    const text = value == null ? "" : String(value);
    // A table program takes a cell that begins so for a formula.
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const head = ["standing", ...COLUMNS.map(([name]) => name)];
  const rows = plans.map((plan) => [key(plan) === pick ? "pick" : front.has(key(plan)) ? "front" : "beaten", ...COLUMNS.map(([, read]) => read(plan))]);
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "font-weight", "text-anchor"];

/** A chart as it looks on the page, standing for itself. */
function picture(chart: SVGSVGElement): string {
  const copy = chart.cloneNode(true) as SVGSVGElement;
  const [from, to] = [chart, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    for (const name of STYLES) to[at].setAttribute(name, style.getPropertyValue(name));
    to[at].removeAttribute("class");
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copy);
}

/** All charts under each other, with the sentence above them. */
export async function png(answer: Answer): Promise<Blob> {
  const charts = [...document.querySelectorAll<SVGSVGElement>("svg[data-chart]")].filter((chart) => chart.clientWidth > 0);
  const style = getComputedStyle(document.body);
  const gap = 44;
  const margin = 28;
  const sizes = charts.map((chart) => ({ wide: chart.clientWidth, high: chart.clientHeight }));
  const wide = Math.max(720, ...sizes.map((size) => size.wide)) + 2 * margin;
  const high = sizes.reduce((sum, size) => sum + size.high + gap, 130);
  const canvas = document.createElement("canvas");
  const scale = 2;
  canvas.width = wide * scale;
  canvas.height = high * scale;
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("this browser cannot draw");
  pen.scale(scale, scale);
  pen.fillStyle = style.getPropertyValue("--raised");
  pen.fillRect(0, 0, wide, high);
  pen.fillStyle = style.color;
  const write = (text: string, font: string, at: number) => {
    pen.font = `${font} ${style.fontFamily}`;
    pen.fillText(text, margin, at, wide - 2 * margin);
  };
  write(`outlay: ${answer.job.model}, ${answer.job.method}`, "600 20px", 42);
  write(answer.verdict, "14px", 68);
  if (answer.pick) write(`${cost(answer.pick)} in ${time(answer.pick.hours.mid, { gb: false, hours: false })}; prices of ${answer.pick.price_as_of || "unknown date"}`, "13px", 90);
  let top = 124;
  for (const [at, chart] of charts.entries()) {
    write(chart.dataset.chart ?? "", "600 14px", top);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture(chart))}`;
    await image.decode();
    pen.drawImage(image, margin, top + 12, sizes[at].wide, sizes[at].high);
    top += sizes[at].high + gap;
  }
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"));
}
