// Parquet files in a thread of their own. The library believes what a file says of itself: a run
// length in one damaged byte makes it fill memory or loop for hours, which nothing outside the loop
// can stop. A thread can be ended, by the limit of its memory or by ours of time.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../clock.ts';
import type { Reading } from './reading.ts';

export interface ParquetBatch {
  readonly readings: readonly Reading[];
  /** Read from the file since the last batch. */
  readonly bytes: number;
  readonly isLast: boolean;
}

interface ParquetLimits {
  /** For one batch, the decoding of a whole row group included. */
  readonly batchMs: number;
  readonly heapMiB: number;
  readonly clock: Clock;
}

const usual: ParquetLimits = { batchMs: 5 * 60_000, heapMiB: 8192, clock: systemClock };

export async function* readParquet(
  path: string,
  onBytes: (count: number) => void,
  signal: AbortSignal,
  limits: ParquetLimits = usual,
): AsyncGenerator<Reading> {
  await using thread = startThread(path, limits.heapMiB);
  for (let line = 1; ; ) {
    const batch = await nextBatch(thread.worker, limits, signal);
    if (typeof batch === 'string') {
      yield { line, problem: `cannot be read as parquet: ${batch}`, ends: true };
      return;
    }
    onBytes(batch.bytes);
    yield* batch.readings;
    if (batch.isLast) return;
    line = (batch.readings.at(-1)?.line ?? 0) + 1;
    thread.worker.postMessage('next');
  }
}

/** A batch, or the reason why there will be none. */
async function nextBatch(
  worker: Worker,
  { batchMs, clock }: ParquetLimits,
  signal: AbortSignal,
): Promise<ParquetBatch | string> {
  const done = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  try {
    return await Promise.race([
      messageOf(worker, stop),
      clock.sleep(batchMs, stop).then(() => `no row came for ${Math.round(batchMs / 1000)} s`),
    ]);
  } catch (error) {
    signal.throwIfAborted();
    if (!isOutOfMemory(error)) throw error;
    return 'a row group needs more memory than there is for reading one';
  } finally {
    done.abort();
  }
}

/** The thread sends nothing else. */
async function messageOf(worker: Worker, signal: AbortSignal): Promise<ParquetBatch> {
  const [batch] = (await once(worker, 'message', { signal })) as [ParquetBatch];
  return batch;
}

function startThread(path: string, heapMiB: number) {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const worker = new Worker(new URL(`./parquet-thread${ending}`, import.meta.url), {
    workerData: path,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
  });
  return {
    worker,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
