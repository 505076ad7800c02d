// What several workers cannot share yet, in words.
import { UserError } from '../errors.ts';
import { codedForm } from '../methods/coded.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';

interface Unshareable {
  /** As of a rule of compatibility.ts. */
  readonly id: string;
  /** Below `spec`. */
  readonly path: readonly string[];
  readonly value: string;
  readonly meets: (method: ResolvedMethod) => boolean;
  /** What each worker would have to hold whole, before `N workers cannot share out yet`. */
  readonly sentence: string;
  readonly hint: string;
}

export const unshareables: readonly Unshareable[] = [
  {
    id: 'codes of trained weights are not shared out',
    path: ['method', 'precision', 'bfloat16', 'trainedWeights'],
    value: 'Int8',
    meets: (method) => codedForm(method) === 'Groups',
    sentence: 'the trained weights are stored as codes of 8 bits',
    hint: 'use one worker, or another value of spec.method.precision.bfloat16.trainedWeights',
  },
  {
    id: 'codes into codebooks are not shared out',
    path: ['method', 'base', 'type'],
    value: 'Codebook',
    meets: ({ base }) => base.type === 'Codebook',
    sentence: 'the trained weights are stored as codes into codebooks',
    hint: 'use one worker, or spec.method.base: { type: Dense } with another optimizer',
  },
];

/** Throws where the method has no way to be spread over so many workers. */
export function requireShareable(method: ResolvedMethod, workers: number): void {
  const found = workers === 1 ? undefined : unshareables.find(({ meets }) => meets(method));
  if (found === undefined) return;
  const { path, value, sentence, hint } = found;
  throw new UserError({
    code: 'E_INCOMPATIBLE_METHOD',
    path: ['spec', ...path].join('.'),
    value,
    message: `${sentence}, which ${workers} workers cannot share out yet`,
    hint,
  });
}
