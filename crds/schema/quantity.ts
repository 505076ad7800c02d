// Kubernetes quantities ("16Gi", "500m", 2): schema, parse, print, compare. Numbers are doubles:
// exact to 2^53, which is 8 PiB in bytes.
import * as z from 'zod';
import { invariant } from '../failures/errors.ts';

/**
 * The pattern that Kubernetes prints into CRDs for quantities, without rare spellings and without
 * negative values.
 */
const pattern =
  /^([+]?[0-9]+(?:\.[0-9]*)?|[+]?\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,2})?$/;

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

export type Quantity = string | number;

/**
 * Marks the only union that a structural schema can express: structural.ts prints it as
 * int-or-string.
 */
export const intOrStringKey = 'x-kubernetes-int-or-string';

export function quantity(): z.ZodUnion<readonly [z.ZodString, z.ZodInt]> {
  return z
    .union([
      z.string().max(32).regex(pattern, { error: 'a quantity such as 16Gi' }),
      z.int().min(0),
    ])
    .meta({ [intOrStringKey]: true, pattern: pattern.source, minimum: 0 });
}

export function isQuantity(text: string): boolean {
  return pattern.test(text);
}

export function parseQuantity(value: Quantity): number {
  if (typeof value === 'number') return value;
  const match = pattern.exec(value);
  invariant(match, `"${value}" is used as a quantity, but is not one`);
  const [, digits = '', suffix = ''] = match;
  if (suffix === '') return Number(digits);
  const factor = factors[suffix];
  return factor === undefined ? Number(digits + suffix) : Number(digits) * factor;
}

export function compareQuantities(a: Quantity, b: Quantity): number {
  return parseQuantity(a) - parseQuantity(b);
}

/** Whole bytes with the largest exact binary suffix: 1610612736 is "1536Mi". */
export function formatBytes(bytes: number): string {
  invariant(Number.isSafeInteger(bytes), `${bytes} is not a whole number of bytes`);
  for (const suffix of ['Ti', 'Gi', 'Mi', 'Ki'] as const) {
    const factor = factors[suffix] ?? 1;
    if (bytes !== 0 && bytes % factor === 0) return `${bytes / factor}${suffix}`;
  }
  return String(bytes);
}

/** Bytes for people: 1610612736 is "1.5 GiB". */
export function bytesInWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
