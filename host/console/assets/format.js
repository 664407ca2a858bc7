// Numbers and times as people read them.

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const COUNT = new Intl.NumberFormat("en");

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** `5 min ago` for milliseconds since 1970. @param {number | null | undefined} at @param {number} [now] */
export function ago(at, now = Date.now()) {
  if (!at) return "never";
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return RELATIVE.format(Math.trunc(seconds / size), unit);
}

/** The date and time in the reader's time zone. @param {number | null | undefined} at */
export function exact(at) {
  return at ? EXACT.format(new Date(at)) : "";
}

/** `1 h 05 min` for seconds. @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds > 0 && seconds < 0.01) return (seconds * 1000).toFixed(2) + " ms";
  if (seconds < 1) return Math.round(seconds * 1000) + " ms";
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 60) return Math.round(seconds) + " s";
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return days + " d " + hours + " h";
  if (hours) return hours + " h " + String(minutes).padStart(2, "0") + " min";
  return minutes + " min " + String(whole % 60).padStart(2, "0") + " s";
}

/** `1.5 MiB`. @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes == null) return "–";
  let value = bytes;
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB") return (unit === "bytes" ? value : value.toFixed(1)) + " " + unit;
    value /= 1024;
  }
  return "";
}

/** `12,345`. @param {number | null | undefined} value */
export function count(value) {
  return value == null ? "–" : COUNT.format(value);
}

/** `1 plugin`, `2 plugins`. @param {number} n @param {string} noun */
export function plural(n, noun) {
  return count(n) + " " + noun + (n === 1 ? "" : "s");
}

/** The first twelve digits of a commit or digest. @param {string | null | undefined} text */
export function short(text) {
  return (text ?? "").replace(/^sha256:/, "").slice(0, 12);
}
