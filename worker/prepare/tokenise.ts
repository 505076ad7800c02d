// A pool of threads that tokenises batches and gives them back in the order in which they came:
// what is written does not depend on timing or on the number of threads. As many batches are under
// way as keep all threads busy.
import { Worker } from 'node:worker_threads';
import { Bug } from '../../crds/failures/errors.ts';
import type { Encoder, EncodingRules } from './encode-sample.ts';
import {
  type Batch,
  type EncodedBatch,
  encodeBatch,
  type StuckBatch,
  type TimeLimits,
} from './tokenise-batch.ts';

interface Encoding {
  /** From which other threads make their encoders. */
  readonly rules: EncodingRules;
  /** That of this thread, for when it is the only one. */
  readonly encode: Encoder;
}

/** What a thread is started with. */
export interface ThreadRules {
  readonly rules: EncodingRules;
  readonly limits: TimeLimits;
}

interface TokeniseOptions {
  readonly threads: number;
  readonly timeLimits: TimeLimits;
}

/** Nothing follows a batch that was stuck. */
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
    // Awaited in the order of batches, which may be long after it failed.
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

  /** One thread that breaks ends all: the order could not be kept. */
  #fail(error: unknown): void {
    this.#broken ??= error;
    for (const { reject } of [...this.#busy.values(), ...this.#queue]) reject(this.#broken);
    this.#busy.clear();
    this.#queue.length = 0;
  }
}

/** Beside this file, in the same language: sources in development, compiled in a release. */
/**
 * As the main thread of a process has. A template whose macro calls itself ends when the stack
 * does, in time that grows with the square of it: 86 ms a record with 1 MB, two seconds with the
 * usual 4.
 */
const stackSizeMb = 1;

function threadFile(): URL {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  return new URL(`./tokenise-thread${ending}`, import.meta.url);
}
