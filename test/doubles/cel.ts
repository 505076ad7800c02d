// The API server's judgement of a rule, by an interpreter of CEL that is not ours. Whole numbers
// become CEL integers.
import { Environment } from '@marcbachmann/cel-js';
import { contains, parseCidr } from '../../crds/schema/cidr.ts';

class CelCidr {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** With the functions about networks that the API server adds to the language. */
const environment = new Environment({ unlistedVariablesAreDyn: true })
  .registerType('CIDR', CelCidr)
  .registerFunction('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined)
  .registerFunction('cidr(string): CIDR', (text: string) => new CelCidr(text))
  .registerFunction('CIDR.containsCIDR(string): bool', (outer: CelCidr, inner: string) => {
    const [a, b] = [parseCidr(outer.text), parseCidr(inner)];
    if (a === undefined || b === undefined) throw new TypeError(`${inner} is no network`);
    return contains(a, b);
  });

export function celOf(expression: string): (context: Record<string, unknown>) => unknown {
  return environment.parse(expression) as (context: Record<string, unknown>) => unknown;
}

const compiled = new Map<string, (context: Record<string, unknown>) => unknown>();

export function celHolds(rule: string, self: unknown, oldSelf?: unknown): boolean {
  let run = compiled.get(rule);
  if (run === undefined) {
    run = celOf(rule);
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
