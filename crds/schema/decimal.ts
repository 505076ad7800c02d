// Decimal numbers as strings. The API has no floating-point fields: languages print them
// differently, and an object must not change when it is read and written back. A decimal is parsed
// once, where it is used.
import * as z from 'zod';
import { invariant } from '../failures/errors.ts';
import { type Rule, rule } from './rule.ts';
import { wordsKey } from './text.ts';

export const decimalPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d\d?)?$/;

/** A decimal without a sign: at least 0. */
export const unsignedPattern = /^(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d\d?)?$/;

/** What the rule of a decimal says of its sign, where its pattern says it too. */
export const notNegative = 'double(self) >= 0.0';

const decimalWords = 'a decimal number such as "0.1" or "2e-4"';

interface DecimalBounds {
  readonly above?: number;
  readonly min?: number;
  readonly below?: number;
  readonly max?: number;
}

/** `decimal({above: 0})` accepts "2e-4" and refuses "0". */
export function decimal(bounds: DecimalBounds = {}): z.ZodString {
  const text = z
    .string()
    .max(32)
    .regex(decimalPattern, { error: ({ input }) => patternInWords(input) })
    .meta({ [wordsKey]: decimalWords });
  const rules = boundRules(bounds);
  return rules.length === 0 ? text : rule(text, ...rules);
}

/**
 * The pattern bounds the exponent, so that no product overflows; a value beyond that gets its own
 * sentence.
 */
const anyExponent = /^-?(0|[1-9]\d*)(\.\d+)?[eE][+-]?\d{3,}$/;

function patternInWords(input: unknown): string {
  return typeof input === 'string' && anyExponent.test(input)
    ? 'a decimal number whose exponent has at most two digits, such as "2e-4"'
    : decimalWords;
}

export function parseDecimal(text: string): number {
  invariant(decimalPattern.test(text), `"${text}" is used as a decimal, but is not one`);
  return Number(text);
}

/** The shortest text that parses to the same number. */
export function formatDecimal(value: number, digits?: number): string {
  invariant(Number.isFinite(value), `${value} cannot be written as a decimal`);
  return String(digits === undefined ? value : Number(value.toPrecision(digits)));
}

/** "greater than 0 and at most 1": for messages, `explain` and the text of the rule. */
export function boundsInWords({ above, min, below, max }: DecimalBounds): string {
  const words = [
    above === undefined ? undefined : `greater than ${above}`,
    min === undefined ? undefined : `at least ${min}`,
    below === undefined ? undefined : `less than ${below}`,
    max === undefined ? undefined : `at most ${max}`,
  ];
  return words.filter((word) => word !== undefined).join(' and ');
}

function boundRules(bounds: DecimalBounds): Rule<string>[] {
  const { above, min, below, max } = bounds;
  const parts = [
    above === undefined ? undefined : `double(self) > ${asDouble(above)}`,
    min === undefined ? undefined : min === 0 ? notNegative : `double(self) >= ${asDouble(min)}`,
    below === undefined ? undefined : `double(self) < ${asDouble(below)}`,
    max === undefined ? undefined : `double(self) <= ${asDouble(max)}`,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return [];
  const words = boundsInWords(bounds);
  return [
    {
      id: `decimal ${words}`,
      // Of a decimal: structural.ts puts the pattern before it.
      cel: parts.join(' && '),
      check: (self) => isWithin(Number(self), bounds),
      message: `must be ${words}`,
    },
  ];
}

function isWithin(value: number, { above, min, below, max }: DecimalBounds): boolean {
  return (
    (above === undefined || value > above) &&
    // -0 is less than 0 here: the form of a decimal of at least 0 has no sign.
    (min === undefined || value > min || Object.is(value, min)) &&
    (below === undefined || value < below) &&
    (max === undefined || value <= max)
  );
}

function asDouble(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
