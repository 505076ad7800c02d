// Whether an adapter of KaSA can be written for PEFT's own: it takes as many components from each
// weight as the adapter has ranks there, where ours takes half of a small side at most.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { pairedRank } from '../methods/adapter-shapes.ts';
import { resolveMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';
import { adaptedLinears } from './parameters.ts';
import { formatsOf } from './publication.ts';

/** Refuses a job whose result could not be written, before it trains. */
export function requireKasa(
  job: Pick<FineTuneJobSpec, 'method' | 'output'>,
  facts: ModelFacts,
): void {
  const { adapter } = resolveMethod(job.method);
  if (adapter.type !== 'KaSA' || !formatsOf(job).includes('KaSA')) return;
  const { rank, targetModules } = adapter.kasa;
  const small = adaptedLinears(facts, targetModules).find(
    (linear) => pairedRank(linear, rank) < rank,
  );
  if (small === undefined) return;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `spec.output.formats asks for KaSA, whose loader takes rank = ${rank} components from each weight; ${small.name} is ${small.out} x ${small.in} and loses ${pairedRank(small, rank)}, half of its smaller side, in training`,
    path: 'spec.output.formats',
    hint: `ask for PEFTAdapter, or set a rank of at most ${pairedRank(small, rank)}`,
  });
}
