// Numbers for people; JSON output keeps plain values.
export { bytesInWords as bytes } from '../../crds/schema/quantity.ts';

/** A loss; null is a value that is not finite, as in JSON. */
export function real(value: number | null | undefined, digits = 4): string {
  return value === null || value === undefined ? 'not finite' : value.toFixed(digits);
}

export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

/** `1.54 B`, `4.9 M`, `8120`: in sentences. */
export function short(value: number): string {
  return inUnits(value, 10_000, ' ');
}

/** `41.2k`, for columns. */
export function shortCount(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) ? '–' : inUnits(value, 1000, '');
}

const units = [
  ['T', 1e12],
  ['B', 1e9],
  ['M', 1e6],
  ['k', 1e3],
] as const;

/** Three digits and a unit, from `least` on. */
function inUnits(value: number, least: number, gap: string): string {
  const [unit, size] = units.find(([, each]) => value >= each) ?? ['', 1];
  if (value < least || unit === '') return String(Math.round(value));
  const scaled = value / size;
  return `${scaled.toFixed(scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2)}${gap}${unit}`;
}

export function seconds(value: number): string {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${(whole / 86_400).toFixed(1)} days`;
}
