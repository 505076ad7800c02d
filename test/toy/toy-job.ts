// A whole job in a folder: toy model, conversations, job file. Made once a test, in a second, from
// fixed integers only.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type ToyFamily, writeToyTask } from './toy-tasks.ts';

export interface ToyJobOptions {
  readonly name: string;
  readonly method: Readonly<Record<string, unknown>>;
  /** A model of it, in place of one that answers. */
  readonly family?: ToyFamily;
  /** Sizes of the model that are not those of the toy. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Null: none, for a method that trains nothing. */
  readonly training?: Readonly<Record<string, unknown>> | null;
  readonly checkpoint?: Readonly<Record<string, unknown>>;
  readonly dataset?: Readonly<Record<string, unknown>>;
  readonly formats?: readonly string[];
  /**
   * The folder is a claim of this name, as jobs on a cluster need it; otherwise the job names its
   * files by their paths.
   */
  readonly claim?: string;
  readonly worker?: Readonly<Record<string, unknown>>;
  readonly failurePolicy?: Readonly<Record<string, unknown>>;
  /** Places for the result beside its forms; `destination` takes the place of the folder. */
  readonly output?: Readonly<Record<string, unknown>>;
  readonly observability?: Readonly<Record<string, unknown>>;
  readonly evaluation?: Readonly<Record<string, unknown>>;
}

export interface ToyJob {
  readonly file: string;
  /** Where the artefacts go. */
  readonly destination: string;
}

const steps = { maxSteps: 40, globalBatchSize: 3, learningRate: '5e-3' };

/** Writes model, data and job below `folder`. */
export async function writeToyJob(folder: string, options: ToyJobOptions): Promise<ToyJob> {
  const task = await writeToyTask(folder, options.family, options.sizes);
  const { name, method, training, checkpoint, dataset, formats, claim, worker, output } = options;
  const { failurePolicy, observability, evaluation } = options;
  const place = (path: string) =>
    claim === undefined
      ? { local: { path } }
      : { persistentVolumeClaim: { claimName: claim, path } };
  const destination = join(folder, 'out');
  await mkdir(destination, { recursive: true });
  const job = {
    apiVersion: 'anneal.dev/v1alpha1',
    kind: 'FineTuneJob',
    metadata: { name },
    spec: {
      model: {
        source: place('model'),
        ...task.model,
      },
      dataset: {
        train: place(task.train),
        heldOut: { samples: 4 },
        ...task.dataset,
        ...dataset,
      },
      method,
      ...(training === null ? {} : { training: { ...steps, ...training } }),
      checkpoint: { intervalSteps: 3, ...checkpoint },
      ...(worker === undefined ? {} : { worker }),
      ...(failurePolicy === undefined ? {} : { failurePolicy }),
      ...(observability === undefined ? {} : { observability }),
      ...(evaluation === undefined ? {} : { evaluation }),
      output: {
        ...(formats === undefined ? {} : { formats }),
        destination: place('out'),
        ...output,
      },
    },
  };
  const file = join(folder, 'job.yaml');
  await writeFile(file, stringify(job));
  return { file, destination };
}
