// The API server's judgement of a rule, by an interpreter of CEL that is not ours. Whole numbers become CEL integers.
import { parse } from '@marcbachmann/cel-js';

const compiled = new Map<string, (context: Record<string, unknown>) => unknown>();

export function celHolds(rule: string, self: unknown, oldSelf?: unknown): boolean {
  let run = compiled.get(rule);
  if (run === undefined) {
    run = parse(rule) as (context: Record<string, unknown>) => unknown;
    compiled.set(rule, run);
  }
  const context: Record<string, unknown> = { self: onceToCel(self) };
  if (oldSelf !== undefined) context['oldSelf'] = onceToCel(oldSelf);
  const held = run(context);
  if (typeof held !== 'boolean') throw new TypeError(`${rule} gave ${String(held)}`);
  return held;
}

const converted = new WeakMap<object, unknown>();

/** A hundred rules are asked about the same job, which nobody changes meanwhile. */
function onceToCel(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return toCel(value);
  const cel = converted.get(value) ?? toCel(value);
  converted.set(value, cel);
  return cel;
}

export function toCel(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, child]) => child !== undefined);
  return Object.fromEntries(kept.map(([key, child]) => [key, toCel(child)]));
}
