// TensorBoard's own reader judges the event files: of a run by `anneal run` that was killed and
// went on, and of files that were cut off and rolled back as runs do it.
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { type Board, openBoard } from '../../worker/telemetry/tensorboard.ts';
import { aStepBody } from '../builders/step-body.ts';
import { FakeClock } from '../doubles/clock.ts';
import { type RunLine, startAnneal } from '../e2e/anneal-process.ts';
import { session } from '../e2e/killed-run.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { askPeer } from './ask-peer.ts';

interface Read {
  readonly scalars: Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
  readonly texts: Readonly<
    Record<string, { readonly plugin: string; readonly values: readonly [number, string][] }>
  >;
}

async function read(folder: string): Promise<Read> {
  const found = JSON.parse(await askPeer('tensorboard_peer.py', [folder]));
  return found[folder];
}

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-tensorboard-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('a run that was killed and went on: each step once, with the numbers that the run told', async (t) => {
  t.timeout(10 * 60_000);
  const job = await writeToyJob(join(folder, 'run'), {
    name: 'curves',
    method: { preset: 'LoRA', precision: { type: 'Float32' } },
    training: { maxSteps: steps, evaluation: { intervalSteps: 16 } },
    checkpoint: { intervalSteps: 7 },
    observability: { tensorboard: 'Enabled' },
  });
  const cache = join(folder, 'cache');
  await killAfterSave(job.file, cache);
  const whole = await session(job, cache, null);
  t.is(whole.code, 0, whole.stderr);
  const board = join(job.destination, 'tensorboard');
  t.is((await readdir(board)).length, 2);
  t.deepEqual(await readdir(join(whole.folder, 'tensorboard')), await readdir(board));
  const { scalars, texts } = await read(board);
  const told = await messagesIn(whole.folder);
  const first = whole.firstStep ?? 0;
  t.true(first > 0, 'the second process goes on from a checkpoint');
  // What counts of a step that was done twice is the second time.
  const counted = new Map(
    told.flatMap((line) => (line.type === 'step' ? [[line.step, line]] : [])),
  );
  const expected = (value: (line: Extract<RunLine, { type: 'step' }>) => number) =>
    [...counted.values()].map((line) => [line.step, Math.fround(value(line))]);
  const points = (tag: string) => scalars[tag]?.map(([step, value]) => [step, value]);
  t.is(counted.size, steps);
  const twice = told.filter(({ type }) => type === 'step').length - steps;
  t.log(`${twice} steps were done twice`);
  t.deepEqual(
    points('train/loss'),
    expected(({ loss }) => loss ?? Number.NaN),
  );
  t.deepEqual(
    points('train/grad_norm'),
    expected(({ gradNorm }) => gradNorm ?? Number.NaN),
  );
  t.deepEqual(
    points('train/learning_rate'),
    expected(({ learningRate }) => learningRate),
  );
  t.deepEqual(
    points('train/tokens_per_second'),
    expected((line) => line.tokensPerSecond),
  );
  t.deepEqual(
    points('memory/peak_bytes'),
    expected(({ memory }) => memory.peak),
  );
  const evaluations = new Map(
    told.flatMap((line) => (line.type === 'evaluation' ? [[line.step, line.loss]] : [])),
  );
  t.deepEqual(
    points('eval/loss'),
    [...evaluations].map(([step, loss]) => [step, Math.fround(loss ?? Number.NaN)]),
  );
  t.deepEqual([...evaluations.keys()], [0, 16, 32, steps]);
  const now = Date.now() / 1000;
  for (const [, , time] of scalars['train/loss'] ?? []) t.true(time > now - 3600 && time <= now);
  const { plugin, values } = texts['settings'] ?? { plugin: '', values: [] };
  t.is(plugin, 'text');
  const [, text = ''] = values.at(-1) ?? [];
  t.true(text.includes('| training.learningRate | 5e-3 |'), text);
  t.true(text.includes('| method.adapter.lora.rank | 16 |'), text);
});

const steps = 48;

/** Kills the tree when some steps were told behind the first checkpoint, however long that took. */
async function killAfterSave(file: string, cache: string): Promise<void> {
  let saved = false;
  let behind = 0;
  const see = (line: RunLine): void => {
    if (line.type === 'checkpoint') saved = true;
    if (line.type === 'step' && saved) behind += 1;
    if (behind === 3) anneal.kill('tree');
  };
  const anneal = startAnneal(file, cache, see);
  await anneal.ended;
}

async function messagesIn(run: string): Promise<readonly RunLine[]> {
  const text = await readFile(join(run, 'telemetry.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}

const plan = (firstStep: number) => ({ type: 'plan', firstStep }) as TelemetryBody;
const evaluation = (step: number) =>
  ({ type: 'evaluation', step, loss: step, perplexity: 1, tokens: 1 }) as const;
const step = (number: number, loss: number | null) => ({ ...aStepBody(number), loss });

/** What one process writes. */
function write(at: string, messages: readonly TelemetryBody[]): void {
  using board: Board = openBoard({ folder: at, clock: new FakeClock(), settings: {} });
  for (const message of messages) board.see(message);
}

test('a file that was cut off within a record hides nothing of the next one', async (t) => {
  const at = join(folder, 'torn');
  write(at, [plan(0), evaluation(0), step(1, 0.1), step(2, 0.1), step(3, 0.1), step(4, 0.1)]);
  const [name = ''] = await readdir(at);
  const { length } = await readFile(join(at, name));
  await truncate(join(at, name), length - 100);
  write(at, [plan(2), step(3, 0.2), step(4, 0.2), step(5, 0.2)]);
  const { scalars } = await read(at);
  const loss = (value: number) => Math.fround(value);
  t.deepEqual(
    scalars['train/loss']?.map(([number, value]) => [number, value]),
    [
      [1, loss(0.1)],
      [2, loss(0.1)],
      [3, loss(0.2)],
      [4, loss(0.2)],
      [5, loss(0.2)],
    ],
  );
});

test('after a rollback the steps that are done again replace those that were', async (t) => {
  const at = join(folder, 'rolled-back');
  const rolledBack = { type: 'warning', reason: 'RolledBack', message: '', step: 2 } as const;
  write(at, [
    ...[plan(0), evaluation(0), step(1, 1), step(2, 1), evaluation(2), step(3, 1), step(4, null)],
    ...[rolledBack, evaluation(2), step(3, 2), step(4, 2)],
  ]);
  const { scalars } = await read(at);
  const points = (tag: string) => scalars[tag]?.map(([number, value]) => [number, value]);
  t.deepEqual(points('train/loss'), [
    [1, 1],
    [2, 1],
    [3, 2],
    [4, 2],
  ]);
  t.deepEqual(points('eval/loss'), [
    [0, 0],
    [2, 2],
  ]);
});

test('a run that begins anew takes everything back, the evaluation before the first step too', async (t) => {
  const at = join(folder, 'anew');
  write(at, [plan(0), evaluation(0), step(1, 1), step(2, 1)]);
  write(at, [plan(0), evaluation(0), step(1, 3)]);
  const { scalars } = await read(at);
  t.deepEqual(
    scalars['train/loss']?.map(([number, value]) => [number, value]),
    [[1, 3]],
  );
  t.is(scalars['eval/loss']?.length, 1);
});
