// Jobs for tests: the smallest useful one, with whatever a test wants to be different.
import { type FineTuneJob, type FineTuneJobSpec, fineTuneJob } from '../../crds/api/job.ts';

/** As a person would write it, defaults left out. */
export function aWrittenJob(): Record<string, unknown> {
  return {
    apiVersion: 'anneal.dev/v1alpha1',
    kind: 'FineTuneJob',
    metadata: { name: 'first' },
    spec: {
      model: { source: { huggingFace: { repository: 'owner/model' } } },
      dataset: {
        train: { persistentVolumeClaim: { claimName: 'notes', path: 'train.jsonl' } },
        sequenceLength: 1024,
      },
      method: { preset: 'LoRA' },
      training: { epochs: '1', globalBatchSize: 32, learningRate: '2e-4' },
      output: { destination: { persistentVolumeClaim: { claimName: 'notes', path: 'out' } } },
    },
  };
}

/** It has the prompt that the report of run-report.ts answers. */
export function anAskingJob(): Record<string, unknown> {
  const job = aWrittenJob();
  const spec = job['spec'] as { readonly training: object };
  const samples = { prompts: ['How do I keep a plant alive?'] };
  return { ...job, spec: { ...spec, training: { ...spec.training, samples } } };
}

/**
 * What makes it a job whose only worker prepares for itself: everything on claims, and memory that
 * is named.
 */
export const preparingAlone = {
  'model.source': { persistentVolumeClaim: { claimName: 'notes', path: 'model' } },
  'worker.devicesPerWorker': 0,
  'worker.resources': { limits: { memory: '3Gi' } },
} as const;

export type Changes = Readonly<Record<string, unknown>>;

/**
 * `aJob({'training.epochs': undefined, 'training.maxSteps': 10})`: paths below spec; undefined
 * removes.
 */
export function aJob(changes: Changes = {}): FineTuneJob {
  const written = aWrittenJob();
  return fineTuneJob.parse({ ...written, spec: changed(written['spec'] as object, changes) });
}

export function aSpec(changes: Changes = {}): FineTuneJobSpec {
  return aJob(changes).spec;
}

/** A copy with some paths set, or removed where the value is undefined. Nothing is checked. */
export function changed<T extends object>(value: T, changes: Changes): T {
  const copy = structuredClone(value);
  for (const [path, to] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop()!;
    let parent = copy as Record<string, unknown>;
    for (const key of keys) {
      parent[key] ??= {};
      parent = parent[key] as Record<string, unknown>;
    }
    if (to === undefined) delete parent[last];
    else parent[last] = structuredClone(to);
  }
  return copy;
}
