// What toy jobs of each family of models learn from: a folder of a model and data beside it, and
// what the job says about them.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EncoderName, encoderNames } from '../../worker/encoder/families.ts';
import { type VisionName, visionNames } from '../../worker/vision/families.ts';
import { colourPng } from '../builders/pictures.ts';
import { makeDiffusion } from './diffusion.ts';
import { makeEncoder } from './encoder.ts';
import { makeToy } from './make-toy.ts';
import { makeRestoration } from './restoration.ts';
import { makeClipModel } from './toy-clip.ts';
import { makeClips } from './toy-clips.ts';
import { writeToyPictures } from './toy-pictures.ts';
import { writeToySounds } from './toy-sounds.ts';
import { makeSpeechModel } from './toy-speech.ts';
import { makeTracker, toySizes } from './tracking.ts';
import { makeVision } from './vision.ts';

/** Of models other than those that continue texts: `dual` has two towers, `lorat` tracks. */
export type ToyFamily =
  | EncoderName
  | VisionName
  | 'clip'
  | 'dual'
  | 'whisper'
  | 'dit'
  | 'srvgg'
  | 'lorat';

export type Fields = Readonly<Record<string, unknown>>;

interface ToyTask {
  /** Of the data, in the folder. */
  readonly train: string;
  readonly model: Fields;
  readonly dataset: Fields;
}

/** Letters, signs, all bytes, and some merges. */
const vocabulary = 400;
const labels = ['few', 'some', 'many'];
const records = 'data.jsonl';
const packing = 'Packed';

type Make = (folder: string, changes: Readonly<Record<string, number>>) => Promise<ToyTask>;

const ofOthers = {
  clip: (folder, changes) => compared(folder, 'clip', changes),
  dual: (folder, changes) => compared(folder, 'dual', changes),
  async whisper(folder, changes) {
    await makeSpeechModel(join(folder, 'model'), changes);
    await writeFile(join(folder, records), await writeToySounds(folder, 32));
    const dataset = { sequenceLength: 32 };
    return { train: records, model: { task: 'SpeechToText' }, dataset };
  },
  async dit(folder, changes) {
    const sizes = { in_channels: 1, out_channels: 1, sample_size: 8, num_embeds_ada_norm: 3 };
    await makeDiffusion(join(folder, 'model'), { ...sizes, ...changes });
    await writeFile(join(folder, records), await writeToyPictures(folder, 24, labels));
    return { train: records, model: { task: 'Denoising' }, dataset: { labels } };
  },
  async srvgg(folder, config) {
    await makeRestoration(join(folder, 'model'), { config });
    await mkdir(join(folder, 'pictures'));
    for (let i = 0; i < 12; i += 1) {
      await writeFile(join(folder, `pictures/${i}.png`), colourPng(i, 30 + i, 28));
    }
    const restoration = { crop: 8, degradations: [{ noise: 8 }, { jpeg: 60 }], order: 'Random' };
    return { train: 'pictures', model: { task: 'Restoration' }, dataset: { restoration } };
  },
  async lorat(folder, changes) {
    await makeTracker(join(folder, 'model'), { changes });
    await makeClips(join(folder, 'clips'), 10);
    const tracking = { ...toySizes, maxGap: 3 };
    return { train: 'clips', model: { task: 'Tracking' }, dataset: { tracking } };
  },
} satisfies Readonly<Record<string, Make>>;

/** Writes model and data below `folder`. @default a model that answers */
export async function writeToyTask(
  folder: string,
  family: ToyFamily | undefined,
  changes: Readonly<Record<string, number>> = {},
): Promise<ToyTask> {
  if (family === undefined) return await answering(folder, changes);
  if (isOf(family, encoderNames)) return await encoding(folder, family, changes);
  if (isOf(family, visionNames)) return await seeing(folder, family, changes);
  return await ofOthers[family](folder, changes);
}

function isOf<Name extends string>(name: string, names: readonly Name[]): name is Name {
  return (names as readonly string[]).includes(name);
}

const ofTexts = { vocab_size: vocabulary, hidden_size: 64, intermediate_size: 96 };

const answering: Make = async (folder, changes) => {
  await makeToy(join(folder, 'model'), 'llama', { config: { ...ofTexts, ...changes } });
  await writeFile(join(folder, records), conversations(48));
  return { train: records, model: {}, dataset: { sequenceLength: 128, packing } };
};

async function encoding(folder: string, name: EncoderName, changes: Fields): Promise<ToyTask> {
  const config = { max_position_embeddings: 64, ...ofTexts, ...changes };
  await makeEncoder(join(folder, 'model'), name, { config, inFile: withoutHead });
  await writeFile(join(folder, records), classified(48));
  const dataset = { sequenceLength: 48, labels, packing };
  return { train: records, model: { task: 'SequenceClassification' }, dataset };
}

async function seeing(folder: string, name: VisionName, changes: Fields): Promise<ToyTask> {
  const config = { hidden_size: 64, mlp_ratio: 2, intermediate_size: 96, ...changes };
  await makeVision(join(folder, 'model'), name, { config, inFile: withoutHead });
  await writeFile(join(folder, records), await writeToyPictures(folder, 48, labels));
  return { train: records, model: { task: 'ImageClassification' }, dataset: { labels } };
}

async function compared(folder: string, name: 'clip' | 'dual', changes: Fields): Promise<ToyTask> {
  await makeClipModel(join(folder, 'model'), name, changes);
  await writeFile(join(folder, records), await writeToyPictures(folder, 48, labels));
  const dataset = { labels, shots: 8 };
  return { train: records, model: { task: 'ContrastiveImageText' }, dataset };
}

function withoutHead(name: string): string | null {
  return /^(classifier|bert\.pooler)\./.test(name) ? null : name;
}

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
