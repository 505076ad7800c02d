// npm run bench -- cli: how long a person waits for the command line, and what a live screen costs, beside `kubectl get --watch` before the
// same server. Real processes in a pseudo-terminal; medians, with the least and the greatest. --rounds and --seconds say how long.
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import type { Setup } from '../../../cli/setup/setup.ts';
import { Shown, type Spent } from './shown.ts';
import { changesPerSecond, jobs, linesPerSecond, openStage, type Stage } from './stage.ts';

const program = join(import.meta.dirname, '../../../cli/anneal.mjs');
const starts = 9;
const framesPerSecond = 10;

interface Row {
  readonly what: string;
  readonly values: readonly number[];
  readonly unit: string;
  /** Undefined: measured for comparison only. */
  readonly goal?: readonly ['below' | 'above', number];
}

interface Asked {
  /** Of each live view. */
  readonly rounds: number;
  /** Idle, and busy. */
  readonly seconds: number;
}

export async function benchCli({ steps }: Setup, args: readonly string[]): Promise<void> {
  const asked = askedFor(args);
  const rows: Row[] = [];
  for (const [what, words] of [
    ['anneal --help', ['--help']],
    ['anneal complete -- des', ['complete', '--', 'des']],
  ] as const) {
    const values = await startMs(() => execa(process.execPath, [program, ...words]));
    rows.push({ what, values, unit: 'ms', goal: ['below', 150] });
  }
  const kubectl = await hasKubectl();
  if (kubectl)
    rows.push({
      what: 'kubectl get --help',
      values: await startMs(() => execa('kubectl', ['get', '-h'])),
      unit: 'ms',
    });
  await using stage = await openStage();
  // The first start after a change compiles the screens; nobody waits for that twice.
  await liveBoard(stage, 0);
  const { seconds, rounds } = asked;
  rows.push(...boardRows(await repeated(rounds, () => liveBoard(stage, seconds))));
  rows.push(...logRows(await repeated(rounds, () => liveLogs(stage, seconds))));
  if (kubectl)
    rows.push(...kubectlRows(await repeated(rounds, () => kubectlWatch(stage, seconds))));
  steps.note(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}; ${jobs} jobs`);
  for (const row of rows) steps.note(rowText(row));
}

function askedFor(args: readonly string[]): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '10' },
    },
  });
  return { rounds: Number(values.rounds), seconds: Number(values.seconds) };
}

async function repeated<T>(rounds: number, run: () => Promise<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for (let round = 0; round < rounds; round++) all.push(await run());
  return all;
}

function rowText({ what, values, unit, goal }: Row): string {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const text = (value: number): string => value.toFixed(value < 20 ? 1 : 0);
  const spread = `${text(sorted[0] ?? 0)}–${text(sorted.at(-1) ?? 0)}`;
  const measured = `${what.padEnd(46)} ${`${text(median)} ${unit}`.padStart(12)}  (${spread})`;
  if (goal === undefined) return measured;
  const [side, bound] = goal;
  const met = side === 'below' ? median < bound : median > bound;
  return `${measured.padEnd(76)} ${side} ${bound}${met ? '' : '  MISSED'}`;
}

async function startMs(run: () => PromiseLike<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  await run(); // files and compiled code are in their caches, as for anybody who uses it
  for (let round = 0; round < starts; round++) {
    const began = performance.now();
    await run();
    times.push(performance.now() - began);
  }
  return times;
}

interface Live {
  readonly firstMs: number;
  readonly firstCpuMs: number;
  readonly idle: Spent;
  readonly busy: Spent;
  readonly memoryMiB: number;
}

async function liveBoard(stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown(process.execPath, [program, 'watch'], stage);
  const firstMs = await shown.until(new RegExp(`${jobs} jobs`));
  const firstCpuMs = 1000 * (await shown.cpuSeconds());
  await wait(2_000); // what starts is not idle
  const idle = await shown.while(() => wait(seconds * 1000));
  const busy = await shown.while(() => stage.change(seconds));
  const memoryMiB = await shown.residentMiB();
  shown.type('q');
  await shown.ended();
  return { firstMs, firstCpuMs, idle, busy, memoryMiB };
}

function boardRows(all: readonly Live[]): readonly Row[] {
  const of = (pick: (one: Live) => number) => all.map(pick);
  return [
    row(
      'board: first picture',
      of(({ firstMs }) => firstMs),
      'ms',
      ['below', 1000],
    ),
    row(
      'board: processor until then',
      of(({ firstCpuMs }) => firstCpuMs),
      'ms',
    ),
    row(
      'board: processor while idle',
      of(({ idle }) => idle.percent),
      '%',
      ['below', 3],
    ),
    ...busyRows(`board, ${changesPerSecond} changes/s`, all),
    row(
      'board: memory',
      of(({ memoryMiB }) => memoryMiB),
      'MiB',
      ['below', 150],
    ),
  ];
}

function busyRows(what: string, all: readonly Live[]): readonly Row[] {
  const of = (pick: (one: Spent) => number) => all.map(({ busy }) => pick(busy));
  return [
    row(
      `${what}: processor`,
      of(({ percent }) => percent),
      '%',
    ),
    row(
      `${what}: pictures a second`,
      of((one) => one.picturesPerSecond),
      '',
      ['above', 9],
    ),
    row(
      `${what}: longest wait for one`,
      of((one) => one.longestGapMs),
      'ms',
      [
        'below',
        // One picture left out.
        (2 * 1000) / framesPerSecond,
      ],
    ),
  ];
}

function row(what: string, values: readonly number[], unit: string, goal?: Row['goal']): Row {
  return goal === undefined ? { what, values, unit } : { what, values, unit, goal };
}

/** The log of a job on the screen, while its workers talk. */
async function liveLogs(stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown(process.execPath, [program, 'watch', 'job-000'], stage);
  const firstMs = await shown.until(/1 loss/);
  const firstCpuMs = 1000 * (await shown.cpuSeconds());
  shown.type('l');
  await shown.until(/logs of all workers/);
  await Promise.all([shown.until(/line \d+ of worker/), stage.talk(1)]);
  await wait(2_000); // the last of these lines are still being drawn
  const idle = await shown.while(() => wait(seconds * 1000));
  const busy = await shown.while(() => stage.talk(seconds));
  const memoryMiB = await shown.residentMiB();
  shown.type('q');
  await shown.ended();
  return { firstMs, firstCpuMs, idle, busy, memoryMiB };
}

function logRows(all: readonly Live[]): readonly Row[] {
  const of = (pick: (one: Live) => number) => all.map(pick);
  return [
    row(
      'job: first picture',
      of(({ firstMs }) => firstMs),
      'ms',
      ['below', 1000],
    ),
    row(
      'logs: processor while idle',
      of(({ idle }) => idle.percent),
      '%',
      ['below', 3],
    ),
    ...busyRows(`logs, ${linesPerSecond} lines/s`, all),
    row(
      'logs: memory',
      of(({ memoryMiB }) => memoryMiB),
      'MiB',
      ['below', 150],
    ),
  ];
}

async function hasKubectl(): Promise<boolean> {
  const found = await execa('kubectl', ['version', '--client'], { reject: false });
  return found.exitCode === 0;
}

async function kubectlWatch(stage: Stage, seconds: number): Promise<Live> {
  const words = ['get', 'finetunejobs', '--watch'];
  using shown = new Shown('kubectl', words, stage);
  const firstMs = await shown.until(new RegExp(`job-${jobs - 1}`));
  const firstCpuMs = 1000 * (await shown.cpuSeconds());
  await wait(2_000);
  const idle = await shown.while(() => wait(seconds * 1000));
  const busy = await shown.while(() => stage.change(seconds));
  const memoryMiB = await shown.residentMiB();
  shown.type('\u0003');
  await shown.ended();
  return { firstMs, firstCpuMs, idle, busy, memoryMiB };
}

function kubectlRows(all: readonly Live[]): readonly Row[] {
  const of = (pick: (one: Live) => number) => all.map(pick);
  const what = 'kubectl get --watch';
  return [
    row(
      `${what}: all rows`,
      of(({ firstMs }) => firstMs),
      'ms',
    ),
    row(
      `${what}: processor until then`,
      of(({ firstCpuMs }) => firstCpuMs),
      'ms',
    ),
    row(
      `${what}: processor while idle`,
      of(({ idle }) => idle.percent),
      '%',
    ),
    row(
      `${what}, ${changesPerSecond} changes/s: processor`,
      of(({ busy }) => busy.percent),
      '%',
    ),
    row(
      `${what}: memory`,
      of(({ memoryMiB }) => memoryMiB),
      'MiB',
    ),
  ];
}
