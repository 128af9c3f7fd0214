/** Figures as people read them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** How long ago an ISO time was, in the largest unit that it fills and the one below. */
export function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** A number of bytes with three digits at most. */
export function size(bytes) {
  let unit = 0;
  for (; bytes >= 999.5 && unit < UNITS.length - 1; unit++) bytes /= 1000;
  return `${bytes >= 99.5 || unit === 0 ? Math.round(bytes) : Number(bytes.toPrecision(2))} ${UNITS[unit]}`;
}
