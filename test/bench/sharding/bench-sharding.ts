/**
 * Two workers of one thread beside one worker of one thread: whole runs of the real command on the
 * demo's model, in turn and every second round backwards, so that a machine that grows slower does
 * so for both. Tokens a second are those of the steps behind the first, which fills caches; waiting
 * is what a step waited for weights and gradients of the other worker.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { type Telemetry, type TelemetryOf, telemetry } from '../../../crds/wire/telemetry.ts';
import { median } from '../train/table.ts';
import { inTurn } from '../turns.ts';

const root = join(import.meta.dirname, '../../..');

const methods = {
  lora: { precision: { type: 'Float32' }, adapter: { type: 'LoRA', lora: { rank: 16 } } },
  full: { preset: 'Full', precision: { type: 'BFloat16' }, optimizer: { type: 'AdamW8bit' } },
  halo: { preset: 'HALO', precision: { type: 'HALO' }, optimizer: { type: 'AdamW8bit' } },
  'q-galore': { preset: 'QGaLore' },
} as const;
type Method = keyof typeof methods;

interface Round {
  readonly tokensPerSecond: number;
  /** Share of the time of a step. */
  readonly waiting: number;
  readonly peakBytes: number;
  readonly losses: readonly (number | null)[];
}

export async function benchSharding(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '4' },
      sequences: { type: 'string', default: '4' },
      workers: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
    },
  });
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const scratch = join(setup.cache.root, 'bench/sharding');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const many = Number(values.workers);
  const rows: string[] = [];
  for (const method of (Object.keys(methods) as Method[]).filter((one) =>
    one.includes(values.only),
  )) {
    const file = await writeJob(scratch, method, Number(values.steps), Number(values.sequences));
    const found = new Map<number, Round[]>([1, many].map((workers) => [workers, []]));
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [workers, rounds] of inTurn([...found], round)) {
        rounds.push(await runRound(setup, { file, volume, scratch, workers }));
        setup.steps.note(`${method}, round ${round + 1}, ${workers}: ${wordsOf(rounds.at(-1))}`);
      }
    }
    rows.push(rowOf(method, found.get(1) ?? [], found.get(many) ?? []));
  }
  const head = `| method | tokens/s of 1 worker | of ${many} | faster (each round) | waiting | peak MiB of 1 | of each | largest gap of losses |`;
  const line = '| --- | --- | --- | --- | --- | --- | --- | --- |';
  process.stdout.write(`\n${[head, line, ...rows].join('\n')}\n`);
}

async function writeJob(
  scratch: string,
  method: Method,
  maxSteps: number,
  globalBatchSize: number,
): Promise<string> {
  const demo = (path: string) => ({ persistentVolumeClaim: { claimName: 'demo', path } });
  const spec = {
    model: { source: demo('model') },
    dataset: {
      ...{ train: demo('sharegpt.json'), format: 'Chat', maxSamples: 400, overlength: 'Skip' },
      ...{ sequenceLength: 512, packing: 'Packed', tokensPerSequence: 1024 },
    },
    method: methods[method],
    training: { maxSteps, globalBatchSize, learningRate: '1e-4' },
    worker: { devicesPerWorker: 0 },
    output: { destination: { local: { path: method } } },
  };
  const name = `sharding-${method}`;
  const file = join(scratch, `${name}.yaml`);
  const kind = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
  await writeFile(file, stringify({ ...kind, metadata: { name }, spec }));
  return file;
}

interface Asked {
  readonly file: string;
  readonly volume: string;
  readonly scratch: string;
  readonly workers: number;
}

async function runRound(setup: Setup, { file, volume, scratch, workers }: Asked): Promise<Round> {
  const words = ['run', file, '--fresh', '--display', 'json', '--volume', `demo=${volume}`];
  const shared = ['--threads', '1', '--workers', String(workers)];
  const { stdout } = await execa(
    process.execPath,
    [join(root, 'cli/anneal.mjs'), ...words, ...shared],
    { env: { ANNEAL_CACHE: scratch }, cancelSignal: setup.signal },
  );
  const steps = stdout.split('\n').flatMap(stepIn);
  const warm = steps.slice(1);
  return {
    tokensPerSecond: median(warm.map((step) => step.tokensPerSecond)),
    waiting: median(
      warm.map(({ stepMs }) => ((stepMs.gather ?? 0) + (stepMs.reduce ?? 0)) / stepMs.total),
    ),
    peakBytes: Math.max(...steps.map(({ memory }) => memory.peak)),
    losses: steps.map(({ loss }) => loss),
  };
}

function stepIn(line: string): readonly TelemetryOf<'step'>[] {
  if (line === '') return [];
  const parsed = telemetry.safeParse(JSON.parse(line));
  const message: Telemetry | undefined = parsed.data;
  return message?.type === 'step' ? [message] : [];
}

function rowOf(method: string, one: readonly Round[], many: readonly Round[]): string {
  const speed = (rounds: readonly Round[]) => median(rounds.map((round) => round.tokensPerSecond));
  const peak = (rounds: readonly Round[]) =>
    Math.max(...rounds.map((round) => round.peakBytes)) / 2 ** 20;
  const ratios = many.map(
    (round, i) => round.tokensPerSecond / (one[i]?.tokensPerSecond ?? Number.NaN),
  );
  const gaps = (one[0]?.losses ?? []).map((loss, i) =>
    Math.abs((loss ?? Number.NaN) - (many[0]?.losses[i] ?? Number.NaN)),
  );
  const cells = [
    method,
    speed(one).toFixed(0),
    speed(many).toFixed(0),
    `${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
    `${(100 * median(many.map(({ waiting }) => waiting))).toFixed(1)} %`,
    peak(one).toFixed(0),
    peak(many).toFixed(0),
    Math.max(...gaps).toExponential(1),
  ];
  return `| ${cells.join(' | ')} |`;
}

function wordsOf(round: Round | undefined): string {
  if (round === undefined) return 'nothing';
  return `${round.tokensPerSecond.toFixed(0)} tokens/s, ${(100 * round.waiting).toFixed(1)} % waiting`;
}
