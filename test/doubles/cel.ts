// The API server's judgement of a rule, by an interpreter of CEL that is not ours. Whole numbers become CEL integers.
import { parse } from '@marcbachmann/cel-js';

const compiled = new Map<string, (context: Record<string, unknown>) => unknown>();

export function celHolds(rule: string, self: unknown, oldSelf?: unknown): boolean {
  let run = compiled.get(rule);
  if (run === undefined) {
    run = parse(rule) as (context: Record<string, unknown>) => unknown;
    compiled.set(rule, run);
  }
  const context: Record<string, unknown> = { self: toCel(self) };
  if (oldSelf !== undefined) context['oldSelf'] = toCel(oldSelf);
  const held = run(context);
  if (typeof held !== 'boolean') throw new TypeError(`${rule} gave ${String(held)}`);
  return held;
}

export function toCel(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, child]) => child !== undefined);
  return Object.fromEntries(kept.map(([key, child]) => [key, toCel(child)]));
}
