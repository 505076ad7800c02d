// The type and bounds of a schema node as text. Used by `explain` and by sentences about invalid
// job files, so that both agree.
import { decimalPattern } from '../schema/decimal.ts';
import { intOrStringKey } from '../schema/quantity.ts';
import { inWords } from '../schema/text.ts';
import type { SchemaNode } from './schema-tree.ts';

interface FieldWords {
  /** For the reference: `whole number, 1 to 1024`. */
  readonly type: string;
  /** Completes "it must be ...": `1 to 1024`, `Constant, Linear or Cosine`. */
  readonly must: string;
}

export function boundsOf(node: SchemaNode): FieldWords {
  if (node[intOrStringKey] === true) return same('a quantity such as 16Gi', 'quantity');
  if (node.enum !== undefined) {
    const values = inWords(node.enum.map(String), 'or');
    return { type: `one of ${inWords(node.enum.map(String), 'or')}`, must: values };
  }
  switch (node.type) {
    case 'integer':
      return integer(node);
    case 'number':
      return same('a number', 'number');
    case 'boolean':
      return same('true or false', 'true or false');
    case 'array':
      return list(node);
    case 'string':
      return string(node);
    default:
      return same('an object', node.properties === undefined ? 'map of text' : 'object');
  }
}

function same(must: string, type: string): FieldWords {
  return { type, must };
}

function integer(node: SchemaNode): FieldWords {
  const words = between(bound(node.minimum), bound(node.maximum));
  if (words === '') return same('a whole number', 'whole number');
  return { type: `whole number, ${words}`, must: words };
}

function list(node: SchemaNode): FieldWords {
  const of = node.items === undefined ? '' : ` of ${boundsOf(node.items).type}`;
  const words = between(node.minItems, node.maxItems);
  return { type: `list${of}`, must: words === '' ? 'a list' : `a list of ${words} items` };
}

function string(node: SchemaNode): FieldWords {
  if (node.format === 'date-time') return same('a time such as 2026-01-31T12:00:00Z', 'time');
  if (node.pattern === decimalPattern.source) {
    return same('a decimal number such as "0.1" or "2e-4"', 'decimal in quotes');
  }
  return same('a text', 'text');
}

function between(low: number | undefined, high: number | undefined): string {
  if (low !== undefined && high !== undefined) return low === high ? `${low}` : `${low} to ${high}`;
  if (low !== undefined) return `at least ${low}`;
  return high === undefined ? '' : `at most ${high}`;
}

/** Bounds that only restate the size of an integer are not worth printing. */
function bound(value: number | undefined): number | undefined {
  return value === undefined || !isTold(value) ? undefined : value;
}

/** Whether a description of the field states this bound. */
export function isTold(value: number): boolean {
  return Math.abs(value) < 2 ** 31 - 1;
}
