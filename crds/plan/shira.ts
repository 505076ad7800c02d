// Whether an adapter that changes single values of weights can be written for PEFT: its SHiRA has
// as many places for each row and column of a small layer as for those of the largest.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { adapterShape, choosesPlaces } from '../methods/adapter-traits.ts';
import { type ResolvedMethod, resolveMethod } from '../methods/resolve.ts';
import { shiraRank } from '../methods/spiel.ts';
import type { ModelFacts } from './model-facts.ts';
import { adaptedLinears } from './parameters.ts';
import { formatsOf } from './publication.ts';

/** Refuses a job whose result could not be written, before it trains. */
export function requireShira(
  job: Pick<FineTuneJobSpec, 'method' | 'output'>,
  facts: ModelFacts,
): void {
  const method: ResolvedMethod = resolveMethod(job.method);
  if (!choosesPlaces(method) || !formatsOf(job).includes('PEFTAdapter')) return;
  const shape = adapterShape(method, facts);
  const layers = adaptedLinears(facts, shape?.targetModules ?? []).map((linear) => ({
    ...linear,
    places: shape?.count(linear).trained ?? 0,
  }));
  if (shiraRank(layers) !== null) return;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message:
      'spec.output.formats asks for PEFTAdapter, whose file would need more places in the smallest layer than it has values: as many for each row and column as in the largest layer',
    path: 'spec.output.formats',
    hint: 'ask for MergedSafetensors, or set a smaller density',
  });
}
