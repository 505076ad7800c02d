// Fields that adapters have in common.
import * as z from 'zod';
import { decimal } from '../schema/decimal.ts';
import { text } from '../schema/text.ts';

/** The rank of an adapter, by default `usual`. */
export function rankOf(usual: number, words: string) {
  return z.int32().min(1).max(1024).default(usual).describe(words);
}

export const alpha = decimal({ above: 0 })
  .optional()
  .describe('The product is multiplied by alpha / rank. Twice the rank when absent.');

export const alphaOfRank = decimal({ above: 0 })
  .optional()
  .describe('The product is multiplied by alpha / rank. The rank when absent.');

export const directions = z
  .enum(['Exact', 'Sketched'])
  .default('Sketched')
  .describe(
    'How singular vectors are found: all of them computed, or a sketch for a fraction of the work.',
  );

/** The `alpha` of a job as a number. */
export function alphaOf(given: {
  readonly rank: number;
  readonly alpha?: string | undefined;
}): number {
  return given.alpha === undefined ? 2 * given.rank : Number(given.alpha);
}

export const dropout = decimal({ min: 0, below: 1 })
  .default('0')
  .describe('Dropout of inputs of the adapter.');

export const targetModules = z
  .array(text(256))
  .min(1)
  .max(64)
  .default(['AllLinear'])
  .describe('Adapted layers: AllLinear (all but the head), or names such as q_proj.');

/** `PiSSA r=64 on all linear layers`. */
export function byRank(
  name: string,
  own: { readonly rank: number; readonly targetModules: readonly string[] },
): string {
  return `${name} r=${own.rank} ${onLayers(own)}`;
}

/** `on all linear layers`. */
export function onLayers({ targetModules: names }: { readonly targetModules: readonly string[] }) {
  return `on ${names.includes('AllLinear') ? 'all linear layers' : names.join(', ')}`;
}
