// npm run bench -- cli: how long a person waits for the command line, and what a live screen costs,
// beside `kubectl get --watch` and k9s before the same server. Real processes in a pseudo-terminal;
// medians, with the least and the greatest. --rounds and --seconds say how long; the first time k9s
// is built, unless --without k9s leaves it out.
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import type { Setup } from '../../../cli/setup/setup.ts';
import { ensureK9s } from '../../setup/k9s.ts';
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
  readonly goal?: readonly ['below' | 'above', number] | undefined;
}

interface Asked {
  /** Of each live view. */
  readonly rounds: number;
  /** Idle, and busy. */
  readonly seconds: number;
  readonly without: readonly string[];
}

export async function benchCli(setup: Setup, args: readonly string[]): Promise<void> {
  const { steps } = setup;
  const asked = askedFor(args);
  const k9s = asked.without.includes('k9s') ? undefined : await ensureK9s(setup);
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
  rows.push(...rowsOf(boardRows, await repeated(rounds, () => liveBoard(stage, seconds))));
  rows.push(...rowsOf(logRows, await repeated(rounds, () => liveLogs(stage, seconds))));
  if (kubectl)
    rows.push(...rowsOf(kubectlRows, await repeated(rounds, () => kubectlWatch(stage, seconds))));
  if (k9s !== undefined)
    rows.push(...rowsOf(k9sRows, await repeated(rounds, () => k9sTable(k9s, stage, seconds))));
  steps.note(`${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}; ${jobs} jobs`);
  for (const row of rows) steps.note(rowText(row));
}

function askedFor(args: readonly string[]): Asked {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '30' },
      without: { type: 'string', multiple: true, default: [] },
    },
  });
  const { rounds, seconds, without } = values;
  return { rounds: Number(rounds), seconds: Number(seconds), without };
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

interface Costs {
  readonly idle: Spent;
  readonly busy: Spent;
  readonly memoryMiB: number;
}

interface Live extends Costs {
  readonly firstMs: number;
  readonly firstCpuMs: number;
}

/** Until the first picture that has this. */
async function first(shown: Shown, pattern: RegExp): Promise<Omit<Live, keyof Costs>> {
  const firstMs = await shown.until(pattern);
  return { firstMs, firstCpuMs: 1000 * (await shown.cpuSeconds()) };
}

/** Idle, then while something happens; the key ends it. */
async function costs(
  shown: Shown,
  { seconds, busily, leave }: { seconds: number; busily: () => Promise<void>; leave: string },
): Promise<Costs> {
  await wait(2_000); // what starts, or is still being drawn, is not idle
  const idle = await shown.while(() => wait(seconds * 1000));
  const busy = await shown.while(busily);
  const memoryMiB = await shown.residentMiB();
  shown.type(leave);
  await shown.ended();
  return { idle, busy, memoryMiB };
}

async function liveBoard(stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown(process.execPath, [program, 'watch'], stage);
  const began = await first(shown, new RegExp(`${jobs} jobs`));
  const busily = () => stage.change(seconds);
  return { ...began, ...(await costs(shown, { seconds, busily, leave: 'q' })) };
}

/** The log of a job on the screen, while its workers talk. */
async function liveLogs(stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown(process.execPath, [program, 'watch', 'job-000'], stage);
  const began = await first(shown, /1 loss/);
  shown.type('l');
  await shown.until(/logs of all workers/);
  await Promise.all([shown.until(/line \d+ of worker/), stage.talk(1)]);
  const busily = () => stage.talk(seconds);
  return { ...began, ...(await costs(shown, { seconds, busily, leave: 'q' })) };
}

async function hasKubectl(): Promise<boolean> {
  const found = await execa('kubectl', ['version', '--client'], { reject: false });
  return found.exitCode === 0;
}

async function kubectlWatch(stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown('kubectl', ['get', 'finetunejobs', '--watch'], stage);
  const began = await first(shown, new RegExp(`job-${jobs - 1}`));
  const busily = () => stage.change(seconds);
  return { ...began, ...(await costs(shown, { seconds, busily, leave: '\u0003' })) };
}

/** Its table is asked for anew every two seconds, and shows at most the rows of the window. */
async function k9sTable(program: string, stage: Stage, seconds: number): Promise<Live> {
  using shown = new Shown(program, ['--command', 'finetunejobs', '--readonly'], stage);
  const began = await first(shown, new RegExp(`\\[${jobs}\\]`));
  const busily = () => stage.change(seconds);
  return { ...began, ...(await costs(shown, { seconds, busily, leave: ':q\r' })) };
}

type Measured = readonly [
  what: string,
  pick: (one: Live) => number,
  unit: string,
  goal?: Row['goal'],
];

/** One picture left out. */
const longestGapMs = (2 * 1000) / framesPerSecond;

function busyRows(what: string): readonly Measured[] {
  return [
    [`${what}: processor`, ({ busy }) => busy.percent, '%'],
    [`${what}: pictures a second`, ({ busy }) => busy.picturesPerSecond, '', ['above', 9]],
    [
      `${what}: longest wait for one`,
      ({ busy }) => busy.longestGapMs,
      'ms',
      ['below', longestGapMs],
    ],
  ];
}

const boardRows: readonly Measured[] = [
  ['board: first picture', ({ firstMs }) => firstMs, 'ms', ['below', 1000]],
  ['board: processor until then', ({ firstCpuMs }) => firstCpuMs, 'ms'],
  ['board: processor while idle', ({ idle }) => idle.percent, '%', ['below', 3]],
  ...busyRows(`board, ${changesPerSecond} changes/s`),
  ['board: memory', ({ memoryMiB }) => memoryMiB, 'MiB', ['below', 150]],
];

const logRows: readonly Measured[] = [
  ['job: first picture', ({ firstMs }) => firstMs, 'ms', ['below', 1000]],
  ['logs: processor while idle', ({ idle }) => idle.percent, '%', ['below', 3]],
  ...busyRows(`logs, ${linesPerSecond} lines/s`),
  ['logs: memory', ({ memoryMiB }) => memoryMiB, 'MiB', ['below', 150]],
];

const kubectlRows: readonly Measured[] = [
  ['kubectl get --watch: all rows', ({ firstMs }) => firstMs, 'ms'],
  ['kubectl get --watch: processor until then', ({ firstCpuMs }) => firstCpuMs, 'ms'],
  ['kubectl get --watch: processor while idle', ({ idle }) => idle.percent, '%'],
  [
    `kubectl get --watch, ${changesPerSecond} changes/s: processor`,
    ({ busy }) => busy.percent,
    '%',
  ],
  ['kubectl get --watch: memory', ({ memoryMiB }) => memoryMiB, 'MiB'],
];

const k9sRows: readonly Measured[] = [
  ['k9s: first picture with all rows', ({ firstMs }) => firstMs, 'ms'],
  ['k9s: processor until then', ({ firstCpuMs }) => firstCpuMs, 'ms'],
  ['k9s: processor while idle', ({ idle }) => idle.percent, '%'],
  [`k9s, ${changesPerSecond} changes/s: processor`, ({ busy }) => busy.percent, '%'],
  ['k9s: memory', ({ memoryMiB }) => memoryMiB, 'MiB'],
];

function rowsOf(measured: readonly Measured[], all: readonly Live[]): readonly Row[] {
  return measured.map(([what, pick, unit, goal]) => ({ what, values: all.map(pick), unit, goal }));
}
