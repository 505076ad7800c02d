// A pool of threads that tokenises batches and returns them in their original order, so the result
// depends neither on timing nor on the number of threads. It keeps as many batches in progress as
// the threads need.
import { Worker } from 'node:worker_threads';
import { Bug } from '../../crds/failures/errors.ts';
import type { Encoder } from './encode-sample.ts';
import type { Rules } from './encoder-of.ts';
import {
  type Batch,
  type EncodedBatch,
  encodeBatch,
  type StuckBatch,
  type TimeLimits,
} from './tokenise-batch.ts';

interface Encoding {
  /** From which threads create their encoders. */
  readonly rules: Rules;
  /** The encoder of this thread, used when it is the only one. */
  readonly encode: Encoder;
}

/** The start data of a thread. */
export interface ThreadRules {
  readonly rules: Rules;
  readonly limits: TimeLimits;
}

interface TokeniseOptions {
  readonly threads: number;
  readonly timeLimits: TimeLimits;
}

/** A stuck batch is the last one. */
export type Tokenised = EncodedBatch | StuckBatch;

export async function* tokenise(
  batches: AsyncIterable<Batch>,
  { rules, encode }: Encoding,
  { threads, timeLimits: limits }: TokeniseOptions,
  signal: AbortSignal,
): AsyncGenerator<Tokenised> {
  if (threads <= 1) {
    for await (const batch of batches) {
      signal.throwIfAborted();
      yield encodeBatch(batch, encode, limits);
    }
    return;
  }
  await using pool = new Pool({ rules, limits }, threads);
  const underWay: Promise<Tokenised>[] = [];
  for await (const batch of batches) {
    signal.throwIfAborted();
    underWay.push(pool.encode(batch));
    const first = underWay.length > 2 * threads ? underWay.shift() : undefined;
    if (first !== undefined) yield await first;
  }
  for (const encoded of underWay) {
    signal.throwIfAborted();
    yield await encoded;
  }
}

interface Waiting {
  readonly batch: Batch;
  readonly resolve: (encoded: Tokenised) => void;
  readonly reject: (error: unknown) => void;
}

class Pool implements AsyncDisposable {
  readonly #threads: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #queue: Waiting[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  #broken: unknown;

  constructor(rules: ThreadRules, threads: number) {
    for (let index = 0; index < threads; index += 1) {
      const thread = new Worker(threadFile(), {
        workerData: rules,
        resourceLimits: { stackSizeMb },
      });
      thread.on('message', (encoded: Tokenised) => {
        this.#busy.get(thread)?.resolve(encoded);
        this.#busy.delete(thread);
        this.#idle.push(thread);
        this.#next();
      });
      thread.on('error', (error) => this.#fail(error));
      thread.on('exit', (code) => this.#fail(new Bug(`a tokenising thread ended with ${code}`)));
      this.#threads.push(thread);
      this.#idle.push(thread);
    }
  }

  encode(batch: Batch): Promise<Tokenised> {
    const { promise, resolve, reject } = Promise.withResolvers<Tokenised>();
    // Awaited in the order of batches, perhaps long after the failure.
    promise.catch(() => undefined);
    if (this.#broken !== undefined) reject(this.#broken);
    else this.#queue.push({ batch, resolve, reject });
    this.#next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Bug('the pool was closed'));
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
  }

  #next(): void {
    const waiting = this.#idle.length > 0 ? this.#queue.shift() : undefined;
    const thread = waiting && this.#idle.pop();
    if (waiting === undefined || thread === undefined) return;
    this.#busy.set(thread, waiting);
    thread.postMessage(waiting.batch);
  }

  /** A failed thread ends the pool: the order could not be kept. */
  #fail(error: unknown): void {
    this.#broken ??= error;
    for (const { reject } of [...this.#busy.values(), ...this.#queue]) reject(this.#broken);
    this.#busy.clear();
    this.#queue.length = 0;
  }
}

/**
 * As for the main thread. A template whose macro calls itself ends with a stack overflow, after a
 * time that grows with the square of the stack: 86 ms a record with 1 MB, two seconds with the
 * usual 4.
 */
const stackSizeMb = 1;

/** Beside this file, in the same language: sources in development, compiled in a release. */
function threadFile(): URL {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  return new URL(`./tokenise-thread${ending}`, import.meta.url);
}
