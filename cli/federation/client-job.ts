// The job of a client in one round: the template, on its own records, with its own draws. Pure.
import type { FederationClient, FederationSpec } from '../../crds/api/federation.ts';
import { Bug, digestOf, type FineTuneJobSpec, resolveMethod } from '../../crds/index.ts';
import type { FederatedRun } from '../../crds/wire/federation.ts';

export function clientJob(
  { template }: FederationSpec,
  { name, train, maxSamples, rank }: FederationClient,
  round: number,
  destination: string,
): FineTuneJobSpec {
  if (train === undefined) throw new Bug(`nobody has said what ${name} trains on`);
  const { dataset, training } = template;
  const { heldOut: _held, eval: _eval, maxSamples: _most, ...shared } = dataset;
  return {
    ...template,
    method: rank === undefined ? template.method : withRank(template, rank),
    dataset: {
      ...shared,
      train,
      ...(maxSamples === undefined ? {} : { maxSamples }),
      // Each round in another order: few steps would see the same records again.
      shuffleSeed: dataset.shuffleSeed + round,
    },
    training: { ...training, seed: seedOf(training.seed, name, round) },
    output: { ...template.output, destination: { local: { path: destination } } },
  };
}

/**
 * What its records may tell in a round, and their public number; nothing without privacy. The
 * number of its records stands in no formula, so that it need not be told.
 */
export function privacyOf(
  { privacy, rounds, template }: FederationSpec,
  { records, maxEpsilon }: FederationClient,
): Pick<FederatedRun, 'privacy' | 'records'> {
  const { maxSteps, globalBatchSize } = template.training;
  if (privacy === undefined) return {};
  // The file is refused without them.
  if (records === undefined || maxSteps === undefined || globalBatchSize === undefined) {
    throw new Bug('privacy needs records, maxSteps and globalBatchSize');
  }
  const { clip, noise, targetEpsilon, delta, testSeed } = privacy;
  return {
    records,
    privacy: {
      ...{ clip: Number(clip), rate: globalBatchSize / records, batch: globalBatchSize },
      ...{ rounds, steps: maxSteps, testSeed },
      delta: delta === undefined ? Math.min(1e-5, 1 / (10 * records)) : Number(delta),
      ...(noise !== undefined && { noise: Number(noise) }),
      ...(targetEpsilon !== undefined && { targetEpsilon: Number(targetEpsilon) }),
      ...(maxEpsilon !== undefined && { maxEpsilon: Number(maxEpsilon) }),
    },
  };
}

/** Of what a client draws in a round: dropout masks, and factors of its own in FLoRA. */
function seedOf(seed: number, name: string, round: number): number {
  return Number.parseInt(digestOf({ seed, name, round }).slice(0, 8), 16);
}

function withRank({ method }: FineTuneJobSpec, rank: number): FineTuneJobSpec['method'] {
  const { adapter } = resolveMethod(method);
  return adapter.type === 'LoRA'
    ? { ...method, adapter: { type: 'LoRA', lora: { ...adapter.lora, rank } } }
    : method;
}
