// The records of all jobs of the cluster, kept by one watch: lists are answered from here, and it
// tells which jobs there are. After a reconnect, the new list replaces the old one as a whole;
// until it is complete nothing is known.

import type { Entry, Watcher } from '../../crds/wire/bus-settings.ts';
import { type JobRecord, jobRecord } from '../../crds/wire/state.ts';
import { type JobOnBus, jobPrefix, keys, parseKey } from '../../crds/wire/subjects.ts';

export interface MirroredJob {
  readonly job: JobOnBus;
  /** Undefined: the operator has not said that there is such a job. */
  readonly record: JobRecord | undefined;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Newest revision of any entry. */
  readonly head: number;
}

interface Kept extends MirroredJob {
  record: JobRecord | undefined;
  readonly entries: Map<string, Entry>;
  head: number;
}

export class Mirror implements Watcher {
  readonly #changed: (job: MirroredJob) => void;
  #jobs = new Map<string, Kept>();
  #next: Map<string, Kept> | undefined = new Map();
  readonly #claims = new Map<string, Set<string>>();

  /** `changed` is told of jobs that came, went, or have another record. */
  constructor(changed: (job: MirroredJob) => void) {
    this.#changed = changed;
  }

  get isReady(): boolean {
    return this.#next === undefined;
  }

  jobs(): Iterable<MirroredJob> {
    return this.#jobs.values();
  }

  job(at: JobOnBus): MirroredJob | undefined {
    return this.#jobs.get(jobPrefix(at));
  }

  /** Keys that are being written, or were, and are not among the entries yet. */
  claims(at: JobOnBus): ReadonlySet<string> {
    return this.#claims.get(jobPrefix(at)) ?? noClaims;
  }

  /** The key counts as one of the job's from now on; false: it does already. */
  claim(at: JobOnBus, key: string): boolean {
    const claims = this.#claims.get(jobPrefix(at)) ?? new Set();
    if (claims.has(key) || this.job(at)?.entries.has(key) === true) return false;
    this.#claims.set(jobPrefix(at), claims.add(key));
    return true;
  }

  /** Nothing was stored under a key that had been claimed. */
  unclaim(at: JobOnBus, key: string): void {
    this.#claims.get(jobPrefix(at))?.delete(key);
  }

  entry(key: string, value: unknown, revision: number): void {
    const jobs = this.#next ?? this.#jobs;
    const parsed = parseKey(key);
    if (parsed === undefined) return;
    const at = { namespace: parsed.namespace, uid: parsed.uid };
    const isJob = key === keys.job(at);
    if (isJob && value === undefined) {
      const gone = jobs.get(jobPrefix(at));
      jobs.delete(jobPrefix(at));
      this.#claims.delete(jobPrefix(at));
      if (gone !== undefined && this.isReady) this.#changed({ ...gone, record: undefined });
      return;
    }
    const kept = jobs.get(jobPrefix(at)) ?? none(at);
    jobs.set(jobPrefix(at), kept);
    this.unclaim(at, key);
    if (value === undefined) kept.entries.delete(key);
    else kept.entries.set(key, { value, revision });
    kept.head = Math.max(kept.head, revision);
    if (!isJob) return;
    kept.record = jobRecord.safeParse(value).data;
    if (this.isReady) this.#changed(kept);
  }

  ready(): void {
    const before = this.#jobs;
    this.#jobs = this.#next ?? this.#jobs;
    this.#next = undefined;
    // The new list has what was written; a key that was removed meanwhile would count for ever.
    this.#claims.clear();
    for (const [at, job] of before)
      if (!this.#jobs.has(at)) this.#changed({ ...job, record: undefined });
    for (const job of this.#jobs.values()) this.#changed(job);
  }

  again(): void {
    this.#next = new Map();
  }
}

const noClaims: ReadonlySet<string> = new Set();

function none(job: JobOnBus): Kept {
  return { job, record: undefined, entries: new Map(), head: 0 };
}
