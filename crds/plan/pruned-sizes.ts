// Sizes of a model that is cut out of another one: the same in all blocks, so that it is an
// ordinary model of its family.
import type { Pruning } from '../api/pruning.ts';
import { UserError } from '../failures/errors.ts';
import type { DecoderFacts } from './model-facts.ts';

export type PrunedSizes = Pick<DecoderFacts, 'I' | 'NH' | 'NK'>;

/** Channels of an MLP stay whole groups of quantized values, and of vectors of processors. */
const channelStep = 32;

/** What is kept; at least one head and one step of channels. */
export function prunedSizes(
  { I, NH, NK }: PrunedSizes,
  { channelsPercent, headsPercent }: Pick<Pruning, 'channelsPercent' | 'headsPercent'>,
): PrunedSizes {
  const step = I % channelStep === 0 ? channelStep : 1;
  const kept = { I: keptOf(I, channelsPercent, step), NK: keptOf(NK, headsPercent, 1) };
  requireLess('channelsPercent', channelsPercent, [I, kept.I], 'channels in each MLP');
  requireLess('headsPercent', headsPercent, [NK, kept.NK], 'key/value heads in each block');
  return { ...kept, NH: (NH / NK) * kept.NK };
}

function keptOf(size: number, percent: number, step: number): number {
  return Math.max(step, step * Math.round((size * (100 - percent)) / (100 * step)));
}

function requireLess(
  field: 'channelsPercent' | 'headsPercent',
  percent: number,
  [size, kept]: readonly [size: number, kept: number],
  what: string,
): void {
  if (percent === 0 || kept < size) return;
  const path = `spec.output.pruning.${field}`;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${percent}, which leaves out none of the ${size} ${what} of this model`,
    path,
    value: percent,
    hint: 'raise it, or set it to 0',
  });
}
