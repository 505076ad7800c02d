/**
 * Runs AVA over some test files and reports while it runs: failures with their facts, skipped tests
 * by title, everything else only as a number.
 *
 * AVA 7.0.0's TAP reporter throws when a test file times out or calls process.exit. That ends AVA
 * without a plan, which is counted as one failure and told with AVA's last lines.
 */
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { fileTimes } from './file-times.ts';
import type { Tally } from './tally.ts';
import { readTap, type TestResult } from './tap.ts';

/**
 * A difference of two tensors can be a hundred thousand lines; the first ones tell what is wrong.
 */
const maxFacts = 60;
const maxFactLength = 400;

/** Beside those of all processes. */
const processorTimeStream = 3;

export interface AvaRun {
  readonly patterns: readonly string[];
  /** @default AVA's own */
  readonly config?: string;
  /** Test files at a time. */
  readonly concurrency: number;
  /** AVA gives up when no test ends for this long. */
  readonly timeout: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export async function runAva(
  run: AvaRun,
  print: (text: string) => void,
  signal: AbortSignal,
): Promise<Tally> {
  const count = { passed: 0, failed: 0, skipped: 0 };
  let logs: string[] = [];
  let hasDied = false;
  const times = fileTimes(() => performance.now());
  const reader = readTap((event) => {
    if (event.kind === 'log') return void logs.push(event.text);
    if (event.kind === 'ended') return times.ended(event.title);
    count[event.result.outcome] += 1;
    hasDied ||= isDeath(event.result);
    const text = describe(event.result, logs);
    logs = [];
    if (text !== undefined) print(text);
  });
  const child = execa(process.execPath, avaArguments(run), {
    cwd: run.cwd,
    env: { ...run.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    buffer: { stdout: false },
    reject: false,
    cancelSignal: signal,
  });
  for await (const line of createInterface({ input: child.stdout })) reader.line(line);
  const ended = await child;
  signal.throwIfAborted();
  const whole = reader.end();
  if (!whole || (ended.exitCode !== 0 && count.failed === 0)) {
    count.failed += 1;
    print(describeCrash(ended.stderr, run.patterns));
  } else if (hasDied) print(lastLines(ended.stderr));
  const longest = times.longest();
  if (longest !== '') print(`  longest     ${longest}`);
  return { ...count, ...processorTimeOf(ended.stdio[processorTimeStream]) };
}

/** Nothing where AVA was ended, or the system does not tell. */
function processorTimeOf(told: unknown): Pick<Tally, 'processorSeconds'> {
  const seconds = Number.parseFloat(String(told));
  return Number.isNaN(seconds) ? {} : { processorSeconds: seconds };
}

/** A process that ended by a signal or by its own will, and not a test that failed. */
function isDeath({ title, outcome }: TestResult): boolean {
  return outcome === 'failed' && /\.test\.tsx? exited (due to|with) /.test(title);
}

function avaArguments({ patterns, config, concurrency, timeout }: AvaRun): readonly string[] {
  return [
    `--import=${new URL('tell-processor-time.ts', import.meta.url)}`,
    'node_modules/ava/entrypoints/cli.mjs',
    '--tap',
    `--node-arguments=--import=${new URL('test-frames.ts', import.meta.url)}`,
    ...(config === undefined ? [] : [`--config=${config}`]),
    `--concurrency=${concurrency}`,
    `--timeout=${timeout}`,
    ...patterns,
  ];
}

/** What a failed test logged is told first: with what seed it drew, for one. */
function describe(
  { title, outcome, facts }: TestResult,
  logs: readonly string[],
): string | undefined {
  if (outcome === 'passed') return undefined;
  if (outcome === 'skipped') return `skipped: ${title}`;
  const all = [...logs, ...facts];
  const shown = all.slice(0, maxFacts).map((fact) => cut(fact));
  const left = all.length - shown.length;
  const more = left === 0 ? [] : [`${left} more lines`];
  return [`FAILED: ${title}`, ...[...shown, ...more].map((fact) => `    ${fact}`)].join('\n');
}

function cut(line: string): string {
  return line.length <= maxFactLength ? line : `${line.slice(0, maxFactLength)} …`;
}

export function describeCrash(stderr: string, patterns: readonly string[]): string {
  return [
    'FAILED: AVA ended before its plan: a test file timed out or called process.exit',
    lastLines(stderr),
    `    hint: npx ava ${patterns.join(' ')} shows which one`,
  ].join('\n');
}

function lastLines(stderr: string): string {
  const lines = stderr.trim().split('\n').slice(-25);
  return lines.map((line) => `    ${line}`).join('\n');
}
