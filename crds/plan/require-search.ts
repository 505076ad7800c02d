// Whether a job searches what is to be searched, and trains by QuantNAS what came from a search.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { resolveMethod } from '../methods/resolve.ts';

/** As records of models have it. */
const supernet = 'quantnas-supernet';
const found = 'quantnas';

/** Refuses a job that does with a model of this family what was not tried, or means nothing. */
export function requireSearch(
  { training, method }: Pick<FineTuneJobSpec, 'training' | 'method'>,
  family: string,
): void {
  const path = 'spec.training.architectureSearch';
  const { architectureSearch: search } = training;
  const refuse = (message: string, hint: string, value: unknown, at = path): never => {
    throw new UserError({ code: 'E_INVALID_SPEC', message, path: at, value, hint });
  };
  if (family === supernet && search === undefined) {
    refuse(
      `${path} is absent, but the model is a ${family}, which has no operations yet`,
      'set it; the result has the network that was found in its folder `found`',
      null,
    );
  }
  if (family !== supernet && search !== undefined) {
    refuse(
      `${path} is set, but the model is a ${family}, which has nothing to search`,
      `leave it out; the model_type of a network that is searched is ${supernet}`,
      family,
    );
  }
  if (family !== found) return;
  const { adapter, base, precision, rule } = resolveMethod(method);
  const axes = [precision, base, adapter, rule].map(({ type }) => type);
  if (String(axes) === String(['Float32', 'Dense', 'None', 'None'])) return;
  refuse(
    `spec.method has ${axes.join(', ')}, but the model is a ${family}, which was tried with Float32, Dense, None, None alone`,
    'write method: { preset: QuantNAS }',
    axes.join(', '),
    'spec.method',
  );
}

/** Refuses a search that would begin behind the last step. */
export function requireSearchSteps(
  { architectureSearch: search }: FineTuneJobSpec['training'],
  totalSteps: number,
): void {
  if (search === undefined || search.warmupSteps < totalSteps) return;
  const path = 'spec.training.architectureSearch.warmupSteps';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    ...{ path, value: search.warmupSteps },
    message: `${path} is ${search.warmupSteps}, but the run has ${totalSteps} steps; nothing would be searched`,
    hint: `set it to some ${Math.floor(totalSteps / 2)}`,
  });
}
