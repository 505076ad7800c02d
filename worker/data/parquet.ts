// Reads parquet files in a thread of their own. The library trusts the file: one damaged byte in a
// run length makes it fill memory or loop for hours, which nothing outside the loop can stop. A
// thread can be ended, by a memory limit or by our time limit.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Clock, systemClock } from '../../crds/clock.ts';
import type { About } from './formats.ts';
import type { Reading } from './reading.ts';

/** The start data of a thread. */
export interface ParquetFile {
  readonly path: string;
  readonly about: About;
}

export interface ParquetBatch {
  readonly readings: readonly Reading[];
  /** Bytes read from the file since the last batch. */
  readonly bytes: number;
  readonly isLast: boolean;
}

interface ParquetLimits {
  /** For one batch, including decoding a row group. */
  readonly batchMs: number;
  readonly heapMiB: number;
  readonly clock: Clock;
}

const usual: ParquetLimits = { batchMs: 5 * 60_000, heapMiB: 8192, clock: systemClock };

export async function* readParquet(
  file: ParquetFile,
  onBytes: (count: number) => void,
  signal: AbortSignal,
  limits: ParquetLimits = usual,
): AsyncGenerator<Reading> {
  await using thread = startThread(file, limits.heapMiB);
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

/** A batch, or the reason why none will come. */
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
      clock.sleep(batchMs, stop).then(() => `no row came within ${Math.round(batchMs / 1000)} s`),
    ]);
  } catch (error) {
    signal.throwIfAborted();
    if (!isOutOfMemory(error)) throw error;
    return 'a row group needs more memory than its reader may use';
  } finally {
    done.abort();
  }
}

/** The thread sends batches only. */
async function messageOf(worker: Worker, signal: AbortSignal): Promise<ParquetBatch> {
  const [batch] = (await once(worker, 'message', { signal })) as [ParquetBatch];
  return batch;
}

function startThread(file: ParquetFile, heapMiB: number) {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const worker = new Worker(new URL(`./parquet-thread${ending}`, import.meta.url), {
    workerData: file,
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
