// Converts an issue of the schema into a sentence: thing, value, rule.
import type * as z from 'zod';
import { decimalPattern } from '../schema/decimal.ts';
import { nearestName } from '../text/nearest-name.ts';
import { boundsOf, isTold } from '../tree/field-words.ts';
import { nodeAt, type SchemaNode } from '../tree/schema-tree.ts';
import { pathInWords, valueInWords } from './problem.ts';

interface Sentence {
  readonly message: string;
  readonly hint: string | undefined;
}

interface Observed {
  readonly value: unknown;
  /** The scalar as written. */
  readonly source: string | undefined;
}

/** @param root of the schema of the document; that of a job when absent */
export function sentenceOf(
  issue: z.core.$ZodIssue,
  { value, source }: Observed,
  root?: SchemaNode,
): Sentence {
  const thing = pathInWords(issue.path);
  const node = nodeAt(issue.path, root);
  if (issue.code === 'custom') return ofRule(issue, thing, value);
  if (value === undefined)
    return { message: `${thing} is missing; it ${mustBe(node)}`, hint: undefined };
  const is = `${thing} is ${valueInWords(value)}`;
  switch (issue.code) {
    case 'invalid_type':
      return ofType(is, thing, node, { value, source });
    case 'invalid_value': {
      const near = nearestName(String(value), issue.values.map(String));
      const must = node?.enum === undefined ? `must be ${issue.values.join(' or ')}` : mustBe(node);
      return {
        message: `${is}; it ${must}`,
        hint: near === undefined ? undefined : `did you mean ${near}?`,
      };
    }
    case 'too_small':
    case 'too_big':
      return { message: ofSize(issue, thing, node, { value, source }), hint: undefined };
    case 'invalid_format':
      return { message: `${is}; it must be ${formatWords(issue, node)}`, hint: undefined };
    case 'invalid_key': {
      const [inner] = issue.issues;
      const words = inner === undefined || inner.message === '' ? 'another word' : inner.message;
      return {
        message: `${thing} is a key that is not allowed; it must be ${words}`,
        hint: undefined,
      };
    }
    default:
      return { message: `${is}; it ${mustBe(node)}`, hint: undefined };
  }
}

function mustBe(node: SchemaNode | undefined): string {
  return node === undefined ? 'must be another value' : `must be ${boundsOf(node).must}`;
}

/** A number for a string field is nearly always a missing pair of quotes. */
function ofType(is: string, thing: string, node: SchemaNode | undefined, seen: Observed): Sentence {
  const written = seen.source ?? String(seen.value);
  const wantsText = node?.type === 'string';
  if (wantsText && (typeof seen.value === 'number' || typeof seen.value === 'boolean')) {
    const rule =
      node.pattern === decimalPattern.source
        ? 'decimals are written in quotes'
        : 'it must be a string';
    return {
      message: `${thing} is the ${typeof seen.value} ${written}; ${rule}`,
      hint: `write "${written}"`,
    };
  }
  if (node?.type === 'integer' && typeof seen.value === 'number') {
    return { message: `${is}; it must be a whole number`, hint: undefined };
  }
  const words = mustBe(node);
  if (node?.type === 'integer' && words.startsWith('must be at ')) {
    const rule = words.replace('must be ', 'must be a whole number, ');
    return { message: `${is}; it ${rule}`, hint: undefined };
  }
  return { message: `${is}; it ${mustBe(node)}`, hint: undefined };
}

type SizeIssue = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig;

function ofSize(
  issue: SizeIssue,
  thing: string,
  node: SchemaNode | undefined,
  { value, source }: Observed,
): string {
  const bound = nearerBound(issue, node);
  const side = issue.code === 'too_small' ? 'at least' : 'at most';
  if (typeof value === 'string') {
    if (value === '')
      return `${thing} is an empty string; it must have at least ${bound} character`;
    return `${thing} has ${value.length} characters; it must have ${side} ${bound}`;
  }
  if (Array.isArray(value)) return `${thing} has ${value.length} items; it ${mustBe(node)}`;
  const words = isTold(bound) ? boundsOf(node ?? {}).must : `${side} ${bound}`;
  // For a number beyond JavaScript's integers, the text as written.
  const isHeld = typeof value !== 'number' || Number.isSafeInteger(value);
  const observed = isHeld || source === undefined ? valueInWords(value) : source;
  return `${thing} is ${observed}; it must be ${words}`;
}

/** Beyond safe integers the schema reports that limit, even if the limit of the field is lower. */
function nearerBound(issue: SizeIssue, node: SchemaNode | undefined): number {
  if (issue.code === 'too_small') {
    return Math.max(Number(issue.minimum), node?.minimum ?? Number.NEGATIVE_INFINITY);
  }
  return Math.min(Number(issue.maximum), node?.maximum ?? Number.POSITIVE_INFINITY);
}

function formatWords(
  issue: z.core.$ZodIssueInvalidStringFormat,
  node: SchemaNode | undefined,
): string {
  if (issue.message !== '' && !issue.message.startsWith('Invalid')) return issue.message;
  return node?.pattern === undefined
    ? boundsOf(node ?? {}).must
    : `a string of the form ${node.pattern}`;
}

/** Rules have their own text: "must be ...", "is set, but ...". */
function ofRule(issue: z.core.$ZodIssueCustom, thing: string, value: unknown): Sentence {
  const scalar = value !== undefined && value !== null && typeof value !== 'object';
  const observed =
    scalar && issue.message.startsWith('must') ? ` is ${valueInWords(value)}; it` : '';
  const hint: unknown = issue.params?.['hint'];
  return {
    message: `${thing === '' ? 'the job' : thing}${observed} ${issue.message}`,
    hint: typeof hint === 'string' ? hint : undefined,
  };
}
