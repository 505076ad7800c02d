// The job of a client in one round: the template, on its own records, with its own draws. Pure.
import type { FederationClient, FederationSpec } from '../../crds/api/federation.ts';
import { digestOf, type FineTuneJobSpec, resolveMethod } from '../../crds/index.ts';

export function clientJob(
  { template }: FederationSpec,
  { name, train, maxSamples, rank }: FederationClient,
  round: number,
  destination: string,
): FineTuneJobSpec {
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
