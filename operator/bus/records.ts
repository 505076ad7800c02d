// The keys of the state bucket as last heard, parsed once, on demand: thousands of jobs are read
// every second. After a reconnect, keys that are not listed again are gone.
import type * as z from 'zod';
import { stateRecord } from '../../crds/wire/state.ts';
import { type JobOnBus, parseKey } from '../../crds/wire/subjects.ts';

const numberedKinds = ['world', 'member', 'ack'];
/** Before the present one: a pod may still be on its way out of the last. */
const roundsKept = 4;

interface Kept {
  readonly value: unknown;
  /** What it was read by, and what came out. */
  read: { readonly by: z.ZodType; readonly as: unknown } | undefined;
}

export class Records {
  readonly #values = new Map<string, Kept>();
  readonly #byJob = new Map<string, Set<string>>();
  /** Keys that were known before and not told again yet; undefined while nothing is retold. */
  #unconfirmed: Set<string> | undefined;

  set(key: string, value: unknown): void {
    this.#unconfirmed?.delete(key);
    if (value === undefined) this.#forget(key);
    else {
      this.#values.set(key, { value, read: undefined });
      const job = jobOf(key);
      this.#byJob.set(job, (this.#byJob.get(job) ?? new Set()).add(key));
    }
  }

  get<S extends z.ZodType>(key: string, schema: S): z.output<S> | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined) return undefined;
    if (kept.read?.by !== schema) kept.read = { by: schema, as: schema.safeParse(kept.value).data };
    // What came out of this very schema.
    return kept.read.as as z.output<S> | undefined;
  }

  /** Records whose key is `<job>.<prefix>.<number>`, by their numbers. */
  numbered<S extends z.ZodType>(
    { namespace, uid }: JobOnBus,
    prefix: string,
    schema: S,
  ): ReadonlyMap<number, z.output<S>> {
    const found = new Map<number, z.output<S>>();
    const head = `${namespace}.${uid}.${prefix}.`;
    for (const key of this.#byJob.get(`${namespace}.${uid}`) ?? []) {
      if (!key.startsWith(head)) continue;
      const record = this.get(key, schema);
      if (record !== undefined) found.set(Number(key.slice(head.length)), record);
    }
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  /** Keys of rounds that are so far back that nobody asks for them any more. */
  outdated(): readonly string[] {
    return [...this.#byJob].flatMap(([job, all]) => {
      const round = this.get(`${job}.state`, stateRecord)?.round ?? 0;
      return [...all].filter((key) => {
        const [kind = '', of] = (parseKey(key)?.what ?? '').split('.');
        return numberedKinds.includes(kind) && Number(of) < round - roundsKept;
      });
    });
  }

  jobs(): readonly JobOnBus[] {
    return [...this.#byJob.values()].flatMap((all) => {
      const [key] = all;
      const job = key === undefined ? undefined : parseKey(key);
      return job === undefined ? [] : [{ namespace: job.namespace, uid: job.uid }];
    });
  }

  remove({ namespace, uid }: JobOnBus): void {
    for (const key of this.#byJob.get(`${namespace}.${uid}`) ?? []) this.#forget(key);
  }

  /** From here on all keys are told again. */
  renewed(): void {
    this.#unconfirmed = new Set(this.#values.keys());
  }

  /** All keys were told. */
  settled(): void {
    for (const key of this.#unconfirmed ?? []) this.#forget(key);
    this.#unconfirmed = undefined;
  }

  #forget(key: string): void {
    this.#values.delete(key);
    const job = jobOf(key);
    const all = this.#byJob.get(job);
    all?.delete(key);
    if (all?.size === 0) this.#byJob.delete(job);
  }
}

function jobOf(key: string): string {
  return key.split('.', 2).join('.');
}
