/** By which methods Whisper learns a voice, and the job of each. */
import { documentNamed, type JobDocument } from '../run-document.ts';

interface Method {
  readonly title: string;
  readonly method: object;
  /** Not searched for: `--rate` has others. */
  readonly learningRate: string;
}

const precision = { type: 'Float32' };

export const methods = {
  lora: {
    title: 'LoRA r=8',
    method: { preset: 'LoRA', precision, adapter: { type: 'LoRA', lora: { rank: 8 } } },
    learningRate: '5e-4',
  },
  's2-lora': {
    title: 'S2-LoRA r=8',
    method: { preset: 'S2LoRA', precision, adapter: { type: 'S2LoRA', s2Lora: { rank: 8 } } },
    learningRate: '2e-2',
  },
} as const satisfies Readonly<Record<string, Method>>;

export type MethodName = keyof typeof methods;

const claim = (claimName: string, path = '.') => ({ persistentVolumeClaim: { claimName, path } });

/** Seconds of the longest sound of any domain, and tokens of its text. */
const window = { audioSeconds: 8, sequenceLength: 64 };

export interface SpeechRun {
  readonly method: MethodName;
  readonly seed: number;
  readonly steps: number;
  readonly learningRate: string;
}

/** Nothing is held out: the result is evaluated on all domains. */
export function documentOf({ method, seed, steps, learningRate }: SpeechRun): JobDocument {
  const name = `${method}-${seed}`;
  return documentNamed(name, {
    model: { source: claim('whisper'), task: 'SpeechToText' },
    dataset: { train: claim('sounds', 'train'), shuffleSeed: seed, ...window },
    method: methods[method].method,
    training: {
      ...{ maxSteps: steps, globalBatchSize: 8, microBatchSize: 4, learningRate, seed },
    },
    worker: { devicesPerWorker: 0 },
    // The benchmark evaluates the result itself.
    evaluation: { profile: 'Disabled' },
    output: {
      formats: ['PEFTAdapter', 'MergedSafetensors'],
      destination: { local: { path: name } },
    },
  });
}

/** What a model is asked of a domain; both paths are folders. */
export function evaluationOf(model: string, domain: string): JobDocument {
  return documentNamed('domain', {
    model: { source: { local: { path: model } }, task: 'SpeechToText' },
    dataset: { train: { local: { path: domain } }, eval: { local: { path: domain } }, ...window },
    method: { preset: 'LoRA', precision },
    // Nothing is trained.
    training: { maxSteps: 1, globalBatchSize: 4, microBatchSize: 4, learningRate: '1e-3' },
    worker: { devicesPerWorker: 0 },
    output: { destination: { local: { path: 'out' } } },
  });
}
