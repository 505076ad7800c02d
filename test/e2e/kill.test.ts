// kill -9 at any moment: the same command goes on, and the end has the bits of a run that nobody
// disturbed. Real processes, real files; the points are random, and the seed that is printed
// repeats them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type ToyJob, type ToyJobOptions, writeToyJob } from '../toy/toy-job.ts';
import type { Victim } from './anneal-process.ts';
import {
  checkpointsIn,
  isComplete,
  type KillPoint,
  type Result,
  resultOf,
  type Session,
  session,
} from './killed-run.ts';

const seed = Number(process.env['ANNEAL_TEST_SEED'] ?? fc.sample(fc.noBias(fc.nat()), 1)[0]);

interface Kill {
  readonly point: KillPoint;
  readonly victim: Victim;
}

/** Milliseconds: a step of the toy takes some 30, a save some 15. */
const soon = fc.integer({ min: 0, max: 40 });
const inside = fc.integer({ min: 0, max: 12 });
const few = fc.integer({ min: 1, max: 7 });

/** The kills of one job in their order; together they leave it some way to go. */
function killsOf(wholeMs: number): fc.Arbitrary<readonly Kill[]> {
  const anyTime = fc.integer({ min: 1, max: wholeMs }).map((ms) => ({ at: 'time', ms }) as const);
  const step = fc.record({ at: fc.constant('step' as const), count: few, ms: soon });
  const first = fc.integer({ min: 1, max: 2 });
  const save = fc.record({ at: fc.constant('save' as const), count: first, ms: inside });
  const exporting = fc.record({ at: fc.constant('export' as const), ms: inside });
  const of = (point: fc.Arbitrary<KillPoint>, victim: Victim): fc.Arbitrary<Kill> =>
    point.map((chosen) => ({ point: chosen, victim }));
  return fc.noBias(
    fc.tuple(
      of(anyTime, 'tree'),
      of(step, 'tree'),
      of(save, 'tree'),
      of(step, 'command'),
      of(save, 'worker'),
      of(save, 'tree'),
      of(exporting, 'tree'),
    ),
  );
}

const survives = test.macro({
  async exec(t, number: number, options: ToyJobOptions) {
    t.timeout(600_000);
    t.log(`ANNEAL_TEST_SEED=${seed}`);
    const folder = await mkdtemp(join(tmpdir(), 'anneal-kill-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const job = await writeToyJob(folder, options);
    const began = performance.now();
    const whole = await session(job, join(folder, 'undisturbed'), null);
    t.is(whole.code, 0, whole.stderr);
    const wholeMs = Math.ceil(performance.now() - began);
    const expected = resultOf(job, whole.folder);
    t.true(Object.keys(expected.digests).length >= 2);
    const [kills = []] = fc.sample(killsOf(wholeMs), { seed: seed + number, numRuns: 1 });
    await killAndGoOn(t, job, join(folder, 'disturbed'), kills, expected);
  },
  title: (_, _number: number, { name }: ToyJobOptions) =>
    `${name}: killed and started again over and over, it ends with the bits of the undisturbed run`,
});

async function killAndGoOn(
  t: ExecutionContext,
  job: ToyJob,
  cache: string,
  kills: readonly Kill[],
  expected: Result,
): Promise<void> {
  let before: Session | null = null;
  let torn = 0;
  const waiting = [...kills];
  for (const kill of waiting) {
    // A run that was faster than its killer is compared, and another one is begun.
    for (let share = 1; ; share /= 2) {
      const point = { ...kill.point, ms: Math.floor(kill.point.ms * share) };
      const ended: Session = await goOn(t, job, cache, before, { ...kill, point });
      const over = isOver(ended);
      if (over) t.deepEqual(resultOf(job, ended.folder), expected);
      before = over ? null : ended.folder === '' ? before : ended;
      if (over) continue;
      if (checkpointsIn(ended.folder).partial.length > 0) torn += 1;
      t.log(wordsOf({ ...kill, point }, ended));
      break;
    }
    const isLast = kill === waiting.at(-1);
    if (isLast && torn === 0 && waiting.length < kills.length + 8) waiting.push(intoSave);
  }
  t.true(torn > 0, 'at least one kill fell into the writing of a checkpoint');
  const last = await goOn(t, job, cache, before, null);
  t.is(last.code, 0, last.stderr);
  t.deepEqual(resultOf(job, last.folder), expected);
}

/**
 * Also when the killer came after the run had noted that it is, before or after it said so: the
 * next command begins another one.
 */
function isOver({ code, folder }: Session): boolean {
  return code === 0 || isComplete(folder);
}

const intoSave: Kill = { point: { at: 'save', count: 1, ms: 0 }, victim: 'tree' };

/** The same command again: the run of before is found, and its newest checkpoint. */
async function goOn(
  t: ExecutionContext,
  job: ToyJob,
  cache: string,
  before: Session | null,
  kill: Kill | null,
): Promise<Session> {
  const newest = before === null ? 0 : (checkpointsIn(before.folder).whole.at(-1) ?? 0);
  const ended = await session(job, cache, kill?.point ?? null, kill ?? {});
  if (ended.code !== 0) t.true(ended.killed, ended.stderr);
  if (ended.killed && kill?.victim === 'worker' && ended.code !== 0) saysWorkerDied(t, ended);
  if (ended.folder === '' || before === null) return ended;
  t.true(ended.continued);
  t.is(ended.folder, before.folder);
  // A worker whose command was killed saves once more, after this test has evaluated.
  if (ended.firstStep !== null) t.true(ended.firstStep >= newest);
  return ended;
}

function saysWorkerDied(t: ExecutionContext, { code, stderr }: Session): void {
  t.is(code, 10);
  t.regex(stderr, /^the process of the stage \w+ was ended by SIGKILL\n/);
  t.regex(stderr, /run the same command again: it resumes from the last checkpoint/);
}

function wordsOf(kill: Kill | null, { folder, lines }: Session): string {
  const { whole, partial } = checkpointsIn(folder);
  const said = lines.at(-1);
  const last = said === undefined ? 'nothing' : `${said.type} ${'step' in said ? said.step : ''}`;
  return `${kill?.victim} at ${JSON.stringify(kill?.point)}: said ${last}; left ${whole.join(' ')} ${partial.join(' ')}`;
}

test(survives, 1, {
  name: 'lora-float32',
  method: {
    preset: 'LoRA',
    precision: { type: 'Float32' },
    adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.2' } },
  },
});

test(survives, 2, {
  name: 'lora-plus-bfloat16',
  method: {
    preset: 'LoRAPlus',
    adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.1', scaling: 'RankStabilized' } },
    precision: { type: 'BFloat16' },
    optimizer: { type: 'SGD', sgd: { momentum: '0.9' } },
  },
  training: { evaluation: { intervalSteps: 7 } },
  formats: ['PEFTAdapter', 'GGUF'],
});

test(survives, 3, {
  name: 'full-bfloat16-stochastic-rounding',
  method: {
    preset: 'Full',
    precision: { type: 'BFloat16', bfloat16: { masterWeights: 'StochasticRounding' } },
    optimizer: { type: 'AdamW8bit' },
  },
  training: { learningRate: '1e-3', schedule: { type: 'WarmupStableDecay', warmupSteps: 4 } },
});

test(survives, 4, {
  name: 'full-float32-by-block',
  method: {
    preset: 'Full',
    precision: { type: 'Float32' },
    optimizer: { type: 'AdamW', adamW: { weightDecay: '0.1' } },
  },
  training: {
    learningRate: '1e-3',
    gradientClip: { mode: 'Block', norm: '0.5' },
    nonFinitePolicy: { action: 'Rollback' },
    evaluation: { intervalSteps: 5, earlyStopping: { patience: 50 } },
    samples: { prompts: ['what is 3 and 5'], maxTokens: 8, temperature: '1' },
  },
  formats: ['MergedSafetensors', 'GGUF'],
});

test(survives, 5, {
  name: 'owlore-galore',
  method: {
    preset: 'OwLore',
    selection: {
      type: 'OwLore',
      owlore: { activeLayers: 1, intervalSteps: 2, outlierThreshold: '2', calibrationSequences: 6 },
    },
    optimizer: { type: 'GaLore', galore: { rank: 8, refreshSteps: 3 } },
  },
  training: { learningRate: '1e-3' },
});

test(survives, 6, {
  name: 'classifier',
  family: 'bert',
  method: { preset: 'LoRA', precision: { type: 'BFloat16' } },
  training: { evaluation: { intervalSteps: 5 } },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
});

test(survives, 7, {
  name: 'classifier-of-pictures',
  family: 'vit',
  method: { preset: 'LoRA', precision: { type: 'Float32' } },
  training: { evaluation: { intervalSteps: 5 }, microBatchSize: 3 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
});

test(survives, 8, {
  name: 'speech',
  family: 'whisper',
  method: { preset: 'S2LoRA', precision: { type: 'Float32' } },
  training: { evaluation: { intervalSteps: 20 }, microBatchSize: 3 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
});

test(survives, 9, {
  name: 'pictures-and-texts',
  family: 'clip',
  method: {
    ...{ preset: 'LoRA', precision: { type: 'BFloat16' } },
    adapter: { type: 'LoRA', lora: { rank: 4, dropout: '0.25' } },
  },
  training: { evaluation: { intervalSteps: 5 }, microBatchSize: 3 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
});
