/** Which few pictures are learned by which methods, and the job of each. */
import { digitNames } from '../../setup/digits-dit.ts';
import { textileNames } from '../../setup/textiles.ts';
import { documentNamed, type JobDocument } from '../run-document.ts';

const targetModules = ['q_proj', 'k_proj', 'v_proj', 'query', 'key', 'value'];
const lora = (rank: number) => ({
  preset: 'LoRA',
  adapter: { type: 'LoRA', lora: { rank, targetModules } },
});

/**
 * The last has the results of Block-LoRA in size, and as many trained values of A; it is no part of
 * the paper's comparison.
 */
export const methods = {
  lora: { title: 'LoRA r=16', method: lora(16) },
  'block-lora': {
    title: 'Block-LoRA r=16 in 8 blocks',
    method: {
      preset: 'BlockLoRA',
      adapter: { type: 'BlockLoRA', blockLora: { rank: 16, blocks: 8, targetModules } },
    },
  },
  'lora-2': { title: 'LoRA r=2', method: lora(2) },
} as const;

export type MethodName = keyof typeof methods;

export const sources = {
  textiles: { labels: textileNames, template: 'a photo of a {}' },
  digits: { labels: digitNames, template: 'a photo of the number {}' },
} as const;

export type SourceName = keyof typeof sources;

const heldOut = 180;
const steps = 40;
/** Pictures of a step, or all there are. */
const batch = 12;

export interface FewShotRun {
  readonly method: MethodName;
  readonly source: SourceName;
  /** Of each class. */
  readonly shots: number;
  readonly seed: number;
  readonly learningRate: string;
}

/** A seed draws which pictures are learned, in which order, and the factors of the adapter. */
export function documentOf(run: FewShotRun): JobDocument {
  const { method, source, shots, seed, learningRate } = run;
  const { labels, template } = sources[source];
  const claim = (claimName: string) => ({ persistentVolumeClaim: { claimName, path: '.' } });
  const together = Math.min(batch, shots * labels.length);
  const name = `${source}-${shots}-${method}-${seed}`;
  return documentNamed(name, {
    model: { source: claim('towers'), task: 'ContrastiveImageText' },
    dataset: { train: claim(source), labels, template, shots, heldOut: { samples: heldOut } },
    method: methods[method].method,
    training: {
      ...{ maxSteps: steps, globalBatchSize: together, microBatchSize: together },
      ...{ learningRate, seed, evaluation: { intervalSteps: steps } },
    },
    worker: { devicesPerWorker: 0 },
    evaluation: { profile: 'Disabled' },
    output: { formats: ['PEFTAdapter'], destination: { local: { path: name } } },
  });
}
