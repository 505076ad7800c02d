// The loop: take an input that reached something new, damage it, run it, keep it if it reached
// something new again. Inputs run in batches between two readings of the coverage; a batch that was
// new is run again one by one.
import { getHeapStatistics } from 'node:v8';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { type Random, randomFrom } from './random.ts';
import { isAllowed, type Target } from './target.ts';

export interface Limits {
  readonly seconds: number;
  /** For one input, in processor time, measured twice before it counts. */
  readonly inputMs: number;
  /** For one input, beyond what it takes itself; heap and buffers. */
  readonly inputBytes: number;
}

export const usualLimits: Omit<Limits, 'seconds'> = { inputMs: 1000, inputBytes: 128 << 20 };

export interface Finding {
  readonly type: 'Threw' | 'Slow' | 'Memory' | 'Hang' | 'Died';
  readonly message: string;
  readonly input: Uint8Array;
}

export interface Outcome {
  readonly runs: number;
  /**
   * Inputs that reached something new; the seeds, which are kept whatever they reach, do not count.
   */
  readonly kept: number;
  readonly functions: number;
  /** Threads that had to be ended, of a target that is isolated. */
  readonly ended: number;
  readonly finding?: Finding | undefined;
}

/** A target that runs into a wall at once would pass for ever: it reaches next to nothing new. */
export function isStuck({ functions, kept }: Outcome): boolean {
  return functions <= 5 || kept <= 2;
}

export interface Watch {
  /**
   * Called with each input before it runs, so that somebody else can tell which one never ended.
   */
  begin(input: Uint8Array): void;
  /** Called when an input has brought something new. */
  reached(kept: number, functions: number): void;
}

const longestBatchMs = 500;

export async function fuzz(
  target: Target,
  corpus: readonly Uint8Array[],
  limits: Limits,
  seed: number,
  watch: Watch,
): Promise<Outcome> {
  using coverage = new Coverage();
  Error.stackTraceLimit = 0;
  const random = randomFrom(seed);
  const run = runner(target, limits, watch);
  const words = target.words.map((word) => Buffer.from(word));
  const material = { words, maxBytes: target.maxBytes ?? 4096 };
  const kept: Uint8Array[] = [];
  const deadline = performance.now() + limits.seconds * 1000;
  let runs = 0;
  const seeds = [...target.seeds.map((each) => Buffer.from(each as string)), ...corpus];
  const news = () => Math.max(0, kept.length - seeds.length);
  const end = (finding?: Finding): Outcome => ({
    runs,
    kept: news(),
    functions: coverage.functions,
    ended: 0,
    finding,
  });

  for (const input of seeds) {
    const finding = await run(input);
    runs += 1;
    kept.push(input);
    if (finding) return end(finding);
  }
  coverage.take();
  watch.reached(news(), coverage.functions);
  let batch = 16;
  while (performance.now() < deadline) {
    const inputs = Array.from({ length: batch }, () =>
      damage(target, random, { ...material, corpus: kept }),
    );
    const before = coverage.known();
    const began = performance.now();
    const finding = await runAll(inputs);
    if (finding) return end(finding);
    const ranMs = performance.now() - began;
    const isNew = coverage.take();
    const readMs = performance.now() - began - ranMs;
    // So many that reading the coverage costs a tenth of the time, and the end is not missed by
    // long.
    const wantedMs = Math.min(10 * readMs, longestBatchMs);
    batch = Math.max(8, Math.min(8192, Math.round((batch * wantedMs) / ranMs)));
    if (!isNew) continue;
    coverage.forget(before);
    await keepNew(inputs);
    watch.reached(news(), coverage.functions);
  }
  return end();

  async function runAll(inputs: readonly Uint8Array[]): Promise<Finding | undefined> {
    for (const input of inputs) {
      const finding = await run(input);
      runs += 1;
      if (finding) return finding;
    }
    return undefined;
  }

  /** Runs them again, in halves of halves, to find the few that brought what was new. */
  async function keepNew(inputs: readonly Uint8Array[]): Promise<void> {
    const before = coverage.known();
    await runAll(inputs);
    if (!coverage.take()) return;
    const [only] = inputs;
    if (inputs.length === 1 && only) {
      kept.push(only);
      return;
    }
    coverage.forget(before);
    const half = Math.ceil(inputs.length / 2);
    await keepNew(inputs.slice(0, half));
    await keepNew(inputs.slice(half));
  }
}

function damage(
  target: Target,
  random: Random,
  material: Parameters<typeof mutate>[2],
): Uint8Array {
  // Later finds are rarer, so they are taken more often.
  const { length } = material.corpus;
  const at = Math.max(random.below(length), random.below(length));
  const damaged = mutate(material.corpus[at] ?? new Uint8Array(), random, material);
  return target.repair && random.chance(0.5) ? target.repair(damaged) : damaged;
}

function runner(target: Target, limits: Limits, watch: Watch) {
  return async (input: Uint8Array): Promise<Finding | undefined> => {
    // A copy: a reader that writes into its input must not spoil the corpus.
    const memory = used();
    const began = performance.now();
    watch.begin(input);
    try {
      await target.run(Uint8Array.from(input));
    } catch (error) {
      if (!isAllowed(error)) return { type: 'Threw', message: await inWords(target, input), input };
    }
    if (target.isIsolated) return undefined;
    const tookMs = performance.now() - began;
    const grown = used() - memory;
    if (grown > limits.inputBytes) {
      return { type: 'Memory', message: `took ${Math.round(grown / 2 ** 20)} MiB`, input };
    }
    if (tookMs <= limits.inputMs) return undefined;
    const least = Math.min(await timed(target, input), await timed(target, input));
    if (least <= limits.inputMs) return undefined;
    return { type: 'Slow', message: `took ${Math.round(least)} ms`, input };
  };
}

/** Processor time of this thread: on a busy machine the clock on the wall says nothing. */
async function timed(target: Target, input: Uint8Array): Promise<number> {
  const began = process.threadCpuUsage();
  try {
    await target.run(Uint8Array.from(input));
  } catch {
    // Seen by the first run.
  }
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1000;
}

/** Heap and buffers. The resident set would cost more to read than most inputs cost to run. */
function used(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** Stacks are off while fuzzing, since most inputs end in an error; the last run has one. */
async function inWords(target: Target, input: Uint8Array): Promise<string> {
  Error.stackTraceLimit = 12;
  try {
    await target.run(Uint8Array.from(input));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return 'threw only the first time';
}
