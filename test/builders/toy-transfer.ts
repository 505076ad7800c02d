// An adapter of a toy and another toy to move it to. Both bases can go on with a list of examples,
// as a transfer asks them to: of their lines two thirds are questions of the task.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { drawsOf, streamOf } from '../../worker/tensor/streams.ts';
import { trainHere } from '../peers/train-job.ts';
import { makeToy } from '../toy/make-toy.ts';

const colours = ['red', 'blue', 'green', 'black', 'white', 'brown'];
const animals = ['cat', 'dog', 'owl', 'fox', 'cow', 'hen', 'bee', 'ant'];
const places = ['north', 'south', 'east', 'west', 'home', 'away'];
const sounds = ['mew', 'bark', 'hoot', 'yap', 'moo', 'cluck', 'buzz', 'tick'];
const others = ['we', 'two men', 'the rain', 'an old door', 'my boat', 'this road'].flatMap(
  (what) =>
    ['goes by', 'is shut', 'walk to the sea', 'sing', 'stays here', 'falls'].map(
      (does) => `${what} ${does}`,
    ),
);

/** The 48 questions of the task. */
const questions = colours.flatMap((colour) => animals.map((animal) => `say ${colour} ${animal}`));

export function isOfTask(prompt: string): boolean {
  return questions.includes(prompt);
}

/** What the adapter learns to answer. */
function answerTo(question: string): string {
  const [, colour = '', animal = ''] = question.split(' ');
  return `${places[colours.indexOf(colour)]} ${sounds[animals.indexOf(animal)]}`;
}

const float32 = { type: 'Float32' };
const local = (path: string) => ({ local: { path } });
/** Room for five examples and one more. */
const context = { max_position_embeddings: 256 };

interface Base {
  readonly family: string;
  readonly vocabulary: number;
  readonly sizes?: Readonly<Record<string, number>>;
}

/** A toy that has learned to go on with lists; its folder below `folder`. */
async function aBase(folder: string, name: string, { family, vocabulary, sizes }: Base) {
  const config = { vocab_size: vocabulary, ...context, ...sizes };
  await makeToy(join(folder, `${name}-raw`), family, { config });
  const draws = drawsOf(streamOf(1, 'lists'));
  const pick = (of: readonly string[]): string => of[draws.below(of.length)] ?? '';
  const lines = Array.from({ length: 240 }, () => {
    const list = Array.from({ length: 7 }, () => pick(draws.below(3) === 0 ? others : questions));
    return JSON.stringify({ text: list.map((line) => `Example: ${line}\n`).join('') });
  });
  await writeFile(join(folder, 'lists.jsonl'), `${lines.join('\n')}\n`);
  await trainHere(folder, `${name}-base`, {
    model: { source: local(`${name}-raw`) },
    dataset: { train: local('lists.jsonl'), sequenceLength: 256 },
    method: { preset: 'Full', precision: float32 },
    training: { maxSteps: 80, globalBatchSize: 8, learningRate: '6e-3' },
    evaluation: { profile: 'Disabled' },
    output: { formats: ['MergedSafetensors'], destination: local(`${name}-base`) },
  });
  return `${name}-base/merged`;
}

export interface ToyTransfer {
  readonly folder: string;
  /** Of the job that trained the adapter, and of the transfer. */
  readonly job: string;
  readonly file: string;
  readonly destination: string;
}

const lora = {
  preset: 'LoRA',
  precision: float32,
  adapter: { type: 'LoRA', lora: { rank: 8 } },
};

/** Of another family, width and tokenizer than the source. */
const wider: Base = {
  ...{ family: 'qwen2', vocabulary: 300 },
  sizes: { hidden_size: 80, intermediate_size: 120 },
};

interface Options {
  readonly target?: Base;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
}

/** Trains both bases and the adapter in `folder`. */
export async function aToyTransfer(
  folder: string,
  { target = wider, spec, training }: Options = {},
): Promise<ToyTransfer> {
  const source = await aBase(folder, 'source', {
    ...{ family: 'llama', vocabulary: 400 },
    sizes: { hidden_size: 64, intermediate_size: 96 },
  });
  const next = await aBase(folder, 'target', target);
  const records = questions.map((question) => {
    const messages = [
      { role: 'user', content: question },
      { role: 'assistant', content: answerTo(question) },
    ];
    return JSON.stringify({ messages });
  });
  await writeFile(join(folder, 'task.jsonl'), `${records.join('\n')}\n`);
  const job = {
    model: { source: local(source) },
    dataset: { train: local('task.jsonl'), sequenceLength: 128 },
    method: lora,
    training: { maxSteps: 120, globalBatchSize: 8, learningRate: '2e-2' },
    output: { destination: local('adapted') },
  };
  await trainHere(folder, 'adapted', job);
  const file = join(folder, 'transfer.yaml');
  const asked = {
    from: { model: job.model, adapter: local('adapted/adapter') },
    ...{ samples: 24, heldOut: 8, maxCandidates: 640, answerTokens: 24 },
    generation: { maxTokens: 48 },
    job: {
      ...job,
      model: { source: local(next) },
      dataset: { train: local('kit'), sequenceLength: 128 },
      training: { ...job.training, ...training },
      output: { destination: local('moved') },
    },
    ...spec,
  };
  const head = { apiVersion: 'anneal.dev/v1alpha1', kind: 'Transfer', metadata: { name: 'moved' } };
  await writeFile(file, stringify({ ...head, spec: asked }));
  return { folder, job: join(folder, 'adapted.yaml'), file, destination: join(folder, 'moved') };
}
