// A whole job in a folder: toy model, conversations, job file. Made once a test, in a second, from
// fixed integers only.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { EncoderName } from '../../worker/encoder/families.ts';
import type { VisionName } from '../../worker/vision/families.ts';
import { makeEncoder } from './encoder.ts';
import { makeToy } from './make-toy.ts';
import { makeClipModel } from './toy-clip.ts';
import { writeToyPictures } from './toy-pictures.ts';
import { writeToySounds } from './toy-sounds.ts';
import { makeSpeechModel } from './toy-speech.ts';
import { makeVision } from './vision.ts';

/** Letters, signs, all bytes, and some merges. */
const vocabulary = 400;

export interface ToyJobOptions {
  readonly name: string;
  readonly method: Readonly<Record<string, unknown>>;
  /** A text encoder that learns three classes, in place of a model that answers. */
  readonly encoder?: EncoderName;
  /** A model of pictures, likewise. */
  readonly vision?: VisionName;
  /** A model that writes down what is said, likewise. */
  readonly speech?: boolean;
  /** A model that compares pictures with texts, likewise. */
  readonly compared?: 'clip' | 'dual';
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
  const task = await writeModelAndData(folder, options);
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
        train: place('data.jsonl'),
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

/** What the job says about its task. */
async function writeModelAndData(
  folder: string,
  { encoder, vision, speech, compared, sizes: changes }: ToyJobOptions,
): Promise<Record<'model' | 'dataset', Fields>> {
  const model = join(folder, 'model');
  const records = join(folder, 'data.jsonl');
  const packing = 'Packed';
  const sizes = { vocab_size: vocabulary, hidden_size: 64, intermediate_size: 96, ...changes };
  if (vision !== undefined) {
    const config = { hidden_size: 64, mlp_ratio: 2, intermediate_size: 96, ...changes };
    await makeVision(model, vision, { config, inFile: withoutHead });
    await writeFile(records, await writeToyPictures(folder, 48, labels));
    return { model: { task: 'ImageClassification' }, dataset: { labels } };
  }
  if (compared !== undefined) {
    await makeClipModel(model, compared, changes);
    await writeFile(records, await writeToyPictures(folder, 48, labels));
    return { model: { task: 'ContrastiveImageText' }, dataset: { labels, shots: 8 } };
  }
  if (speech === true) {
    await makeSpeechModel(model, changes);
    await writeFile(records, await writeToySounds(folder, 32));
    return { model: { task: 'SpeechToText' }, dataset: { sequenceLength: 32 } };
  }
  if (encoder !== undefined) {
    const config = { max_position_embeddings: 64, ...sizes };
    await makeEncoder(model, encoder, { config, inFile: withoutHead });
    await writeFile(records, classified(48));
    const dataset = { sequenceLength: 48, labels, packing };
    return { model: { task: 'SequenceClassification' }, dataset };
  }
  await makeToy(model, 'llama', { config: sizes });
  await writeFile(records, conversations(48));
  return { model: {}, dataset: { sequenceLength: 128, packing } };
}

type Fields = Readonly<Record<string, unknown>>;

function withoutHead(name: string): string | null {
  return /^(classifier|bert\.pooler)\./.test(name) ? null : name;
}

const labels = ['few', 'some', 'many'];

/** Sentences whose first words tell the class. */
function classified(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const label = labels[i % labels.length];
    return JSON.stringify({
      text: `${label} of ${(7 * i) % 50} owls${' indeed'.repeat(i % 4)}`,
      label,
    });
  });
  return `${lines.join('\n')}\n`;
}

/** Questions about sums, which a toy can begin to learn. */
function conversations(count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [(7 * i + 3) % 50, (13 * i + 5) % 50];
    const messages = [
      { role: 'user', content: `what is ${a} and ${b}` },
      { role: 'assistant', content: `it is ${a + b}${' indeed'.repeat(i % 4)}` },
    ];
    return `${JSON.stringify({ messages })}\n`;
  }).join('');
}
