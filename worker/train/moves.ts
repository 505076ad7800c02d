// What moves in the steps of a job: by its method, or by a search of a network.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import type { Model } from '../engine/model.ts';
import { selectionOf } from '../methods/index.ts';
import { alternating } from '../methods/selection/alternating.ts';
import type { TrainerParts } from './parts.ts';
import { searchTerm } from './search-term.ts';

/**
 * What moves in a step, and what is added to the loss where a network is searched. `scores` are
 * those of train/outlier-scores.ts.
 */
export function movesOf(
  { training }: FineTuneJobSpec,
  method: ResolvedMethod,
  { parameters, config }: Pick<Model, 'parameters' | 'config'>,
  scores: readonly number[],
): Pick<TrainerParts, 'selection' | 'architecture'> {
  const { architectureSearch: search, seed } = training;
  if (search === undefined) {
    return { selection: selectionOf(method, parameters, BigInt(seed), scores) };
  }
  const { penalty, entropy, warmupSteps } = search;
  const settings = { penalty: Number(penalty), entropy: Number(entropy), warmupSteps };
  return {
    selection: alternating(warmupSteps, parameters),
    architecture: searchTerm(config, settings),
  };
}
