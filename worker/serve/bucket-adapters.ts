// Adapters in buckets, fetched beside the requests that are answered: each place once, since what
// lies there is not looked at again.
import type { BucketPlace } from '../../crds/api/source.ts';
import { AnnealError } from '../../crds/failures/errors.ts';
import { resolveAdapter } from '../prepare/resolve-source.ts';
import { configFile, tensorFile } from '../publish/peft-files.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';

type Fetched =
  | { readonly type: 'Here'; readonly folder: string }
  | { readonly type: 'Failed'; readonly reason: string; readonly atMs: number };

/** How soon a place that could not be read is tried again. */
const againMs = 60_000;

interface Fetching {
  readonly environment: () => Promise<SourceEnvironment>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly stop: AbortSignal;
}

export class BucketAdapters {
  readonly #fetching: Fetching;
  readonly #fetched = new Map<string, Fetched>();
  readonly #open = new Map<string, Promise<void>>();

  constructor(fetching: Fetching) {
    this.#fetching = fetching;
  }

  /** What is there of it; undefined while it is fetched, which this begins. */
  at(name: string, place: BucketPlace): Fetched | undefined {
    const key = JSON.stringify(place);
    const found = this.#fetched.get(key);
    const isOld = found?.type === 'Failed' && this.#fetching.now() - found.atMs >= againMs;
    if ((found === undefined || isOld) && !this.#open.has(key)) {
      this.#open.set(
        key,
        this.#fetch(name, place).then((result) => {
          this.#fetched.set(key, result);
          this.#open.delete(key);
        }),
      );
    }
    return found;
  }

  /** Until none is fetched any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#open.values());
  }

  async #fetch(name: string, place: BucketPlace): Promise<Fetched> {
    const { environment, now, stop } = this.#fetching;
    try {
      const { root } = await resolveAdapter(
        { name, s3: place },
        [configFile, tensorFile],
        await environment(),
        stop,
      );
      return { type: 'Here', folder: root };
    } catch (error) {
      if (!(error instanceof AnnealError) && !stop.aborted) throw error;
      const reason = error instanceof AnnealError ? error.message : 'the server ends';
      return { type: 'Failed', reason, atMs: now() };
    }
  }
}
