// `anneal generate` on a toy: adapters that `anneal run` trained for two tasks, in real processes
// that a test can kill.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import {
  type GeneratedRecord,
  generatedRecord,
  generatorFiles,
} from '../../crds/wire/generator.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { runCommand, startAnneal, type Victim } from './anneal-process.ts';

/** A folder with a model, records of two tasks, and adapters of each. */
export interface ToySiblings extends AsyncDisposable {
  readonly folder: string;
  readonly model: unknown;
}

/** Each task asks the same questions, and has answers of its own. */
const answers = {
  plus: (a: number, b: number) => `it is ${a + b}`,
  twice: (a: number) => `${a} and ${a} again`,
} as const;
type Task = keyof typeof answers;
const tasks = Object.keys(answers) as Task[];

/** One after the other, as late checkpoints of a run are. */
const stepsOf = [29, 30] as const;

export async function toySiblings(
  variables: Readonly<Record<string, string>>,
): Promise<ToySiblings> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-generator-'));
  const toy = await writeToyJob(folder, {
    ...{ name: 'toy', method: loraOf(2), dataset: { packing: 'None' } },
    training: { globalBatchSize: 4, learningRate: '1e-2', schedule: { type: 'Cosine' } },
    checkpoint: { intervalSteps: 50 },
  });
  const job = parse(readFileSync(toy.file, 'utf8'));
  const train = async (name: string, task: Task, maxSteps: number, rank = 2): Promise<void> => {
    const own = structuredClone(job);
    own.metadata.name = name;
    own.spec.dataset = { ...own.spec.dataset, train: { local: { path: `${task}.jsonl` } } };
    delete own.spec.dataset.heldOut;
    own.spec.training.maxSteps = maxSteps;
    own.spec.method = loraOf(rank);
    own.spec.output = { formats: ['PEFTAdapter'], destination: { local: { path: name } } };
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, stringify(own));
    const cache = join(folder, 'cache');
    const { code, stderr } = await startAnneal(file, cache, () => {}, [], variables).ended;
    if (code !== 0) throw new Error(stderr);
  };
  for (const task of tasks) {
    await writeFile(join(folder, `${task}.jsonl`), linesOf(task).join(''));
    for (const steps of stepsOf) await train(`${task}-${steps}`, task, steps);
  }
  await train('wider', 'twice', 1, 3);
  return {
    ...{ folder, model: job.spec.model },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function loraOf(rank: number) {
  return {
    ...{ preset: 'LoRA', precision: { type: 'Float32' } },
    adapter: { type: 'LoRA', lora: { rank, targetModules: ['q_proj', 'v_proj'] } },
  };
}

function linesOf(task: Task): readonly string[] {
  return Array.from({ length: 12 }, (_, i) => {
    const [a, b] = [(7 * i + 3) % 50, (13 * i + 5) % 50];
    const messages = [
      { role: 'user', content: `what is ${a} and ${b}` },
      { role: 'assistant', content: answers[task](a, b) },
    ];
    return `${JSON.stringify({ messages })}\n`;
  });
}

export interface ToyGenerator {
  readonly file: string;
  readonly cache: string;
  readonly destination: string;
}

interface Options {
  /** How many adapters of each task, the last ones. @default all */
  readonly last?: number;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** A file, with a cache of its own. */
export async function withSpec(
  { folder, model }: ToySiblings,
  name: string,
  { last = stepsOf.length, spec = {} }: Options,
): Promise<ToyGenerator> {
  const file = join(folder, `${name}.yaml`);
  const written = {
    apiVersion: 'anneal.dev/v1alpha1',
    ...{ kind: 'AdapterGenerator', metadata: { name: 'toy' } },
    spec: {
      ...{ model, dataset: { format: 'Chat', sequenceLength: 128 }, precision: 'Float32' },
      tasks: tasks.map((task) => ({
        ...{ name: task, records: { local: { path: `${task}.jsonl` } } },
        adapters: stepsOf
          .slice(-last)
          .map((steps) => ({ local: { path: `${task}-${steps}/adapter` } })),
      })),
      network: { latent: 16, channels: [8, 16, 16, 8] },
      generate: [
        { name: 'plus-0', task: 'plus', seed: 0 },
        { name: 'plus-1', task: 'plus', seed: 1 },
      ],
      destination: { local: { path: `made-${name}` } },
      ...spec,
    },
  };
  await writeFile(file, stringify(written));
  return { file, cache: join(folder, `cache-${name}`), destination: join(folder, `made-${name}`) };
}

export type GeneratorLine =
  | { readonly type: 'begin'; readonly folder: string; readonly continued: boolean }
  | { readonly type: 'progress'; readonly who: string; readonly words: string }
  | ({ readonly type: 'made' } & GeneratedRecord)
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'outcome'; readonly state: string };

/** Runs it; where `kill` names a victim for a line, that is killed at once. */
export async function generate(
  { file, cache }: ToyGenerator,
  variables: Readonly<Record<string, string>>,
  kill: (line: GeneratorLine) => Victim | null = () => null,
) {
  const words = ['generate', file, '--output', 'json', '--threads', '1'];
  const { code, stderr, lines } = await runCommand(words, cache, variables, kill);
  const begun = lines.find((line) => line.type === 'begin');
  const epochs = lines.flatMap((line) =>
    line.type === 'progress' && /^epoch \d+ of \d+$/.test(line.words) ? [line.words] : [],
  );
  return {
    ...{ code, stderr, folder: begun?.folder ?? '', continued: begun?.continued },
    /** Where training began in this start, in words. */
    begunAt: epochs,
  };
}

export function madeIn({ destination }: ToyGenerator): GeneratedRecord {
  const path = join(destination, generatorFiles.generated);
  return generatedRecord.parse(JSON.parse(readFileSync(path, 'utf8')));
}
