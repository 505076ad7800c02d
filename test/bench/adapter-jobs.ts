/**
 * Methods that are measured beside LoRA, each as its example has it. Examples are for long runs: in
 * those of a few steps learning rates are three times as much, as LoRA's is, but where an example
 * was tried on few steps, or three times as much makes the model worse than its base. KaSA has a
 * smaller rank: a model of this size does not bear what it takes from the weights at its own, and
 * hardly at this one, whose results the gate refuses (docs/methods.md).
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { BenchJob } from './run-job.ts';

export interface AdapterJob extends Omit<BenchJob, 'steps' | 'training' | 'name'> {
  /** That of its example. */
  readonly name: string;
  readonly learningRate: string;
}

/** Their results are files of adapters, but for these. */
const forms: Readonly<Record<string, string>> = {
  mixlora: 'MixLoRA',
  'lq-lora': 'MergedSafetensors',
  'natural-galore': 'MergedSafetensors',
  adapt: 'MergedSafetensors',
};

const atOwnRate: readonly string[] = [
  ...['s2-lora', 'incre-lora', 'diffora'],
  ...['loldu', 'lora-xs', 'randlora', 'pissa'],
];

/** In place of that of the example. */
const smaller: Readonly<Record<string, object>> = {
  kasa: { preset: 'KaSA', adapter: { type: 'KaSA', kasa: { rank: 2 } } },
};

export const adapterJobs: readonly AdapterJob[] = [
  ...['pissa', 'lora-ga', 'eva', 'nlora', 'slora', 'intermediate-tune', 'lamda', 'loldu'],
  ...['lora-sb', 'lora-xs', 'kasa', 'randlora', 'mixlora', 'bi-lora', 'lq-lora', 'block-lora'],
  ...['allora', 'lora-ggpo', 'deft', 'diffora', 'incre-lora', 'sora', 's2-lora', 'co-lora'],
  ...['paca', 's2ft', 'spiel', 'spiel-ma', 'natural-galore', 'adapt'],
].map((name) => {
  const file = new URL(`../../crds/examples/${name}.yaml`, import.meta.url);
  const { spec } = parse(readFileSync(file, 'utf8'));
  const times = atOwnRate.includes(name) ? 1 : 3;
  const learningRate = (times * Number(spec.training.learningRate)).toExponential(1);
  const formats = [forms[name] ?? 'PEFTAdapter'];
  return { name, method: smaller[name] ?? spec.method, formats, learningRate };
});
