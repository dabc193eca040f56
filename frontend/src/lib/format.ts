/** Numbers and times as people read them; every number carries its unit. */

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const whole = new Intl.NumberFormat("en");

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** `2 min. ago`, `in 7 days`, from seconds to days; what is further away gets its date. */
export function timeAgo(at: Date, now: Date): string {
  const seconds = Math.round((at.getTime() - now.getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 10) return "just now";
  if (distance > 30 * 86_400) return at.toISOString().slice(0, 10);
  // What has passed is counted whole; what is to come is as far as it is nearly: not six days a moment after seven.
  const rounded = seconds < 0 ? Math.trunc : Math.round;
  for (const [unit, size] of STEPS) {
    if (distance >= size) return relative.format(rounded(seconds / size), unit);
  }
  return relative.format(seconds, "second");
}

/** Date and time with seconds, in the reader's own zone. */
export function exactTime(at: Date): string {
  return exact.format(at);
}

/** `45.5 %`. */
export function percent(value: number): string {
  return `${value.toFixed(1)} %`;
}

export function count(value: number): string {
  return whole.format(value);
}

/** `1 node`, `2 nodes`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Bytes in binary units: `3.8 GiB`. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = value;
  let unit = 0;
  while (amount >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : amount.toFixed(amount >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Memory given in MiB: `512 MiB`, `4 GiB`. */
export function mebibytes(value: number): string {
  return value >= 1024 && value % 512 === 0 ? `${value / 1024} GiB` : `${count(value)} MiB`;
}

/** `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The last part of an id, enough to tell two apart in a list. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(-12) : id;
}
