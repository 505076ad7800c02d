// Which record a pod may write, and how much a job may store and say. Pure. Any worker may change
// the state by compare-and-set, and write the records of its own index, in its own name; what the
// operator writes (job, desired) nobody else does.
import type * as z from 'zod';
import type { AskRequest } from '../../crds/wire/gateway.ts';
import {
  ackRecord,
  type JobRecord,
  memberRecord,
  stateRecord,
  worldRecord,
} from '../../crds/wire/state.ts';
import { jobPrefix, type PodOnBus, parseKey } from '../../crds/wire/subjects.ts';
import type { DoorSettings } from './door.ts';

export type WriteRequest = Extract<AskRequest, { readonly value: unknown }>;

interface Family {
  readonly schema: z.ZodType;
  readonly ways: readonly WriteRequest['what'][];
  /** Bytes of a value, for a job of so many workers. */
  readonly most: (workers: number) => number;
}

const families: Readonly<Record<string, Family>> = {
  state: { schema: stateRecord, ways: ['update'], most: () => 8_192 },
  world: { schema: worldRecord, ways: ['put'], most: (workers) => 4_096 + 256 * workers },
  member: { schema: memberRecord, ways: ['create', 'update'], most: () => 12_288 },
  ack: { schema: ackRecord, ways: ['create', 'update'], most: () => 1_024 },
};

/** Rounds whose records may lie on the bus; the operator removes older ones. */
const roundsKept = 32;

/** Keys of a job of so many workers. */
export function mostKeys({ workers }: JobRecord): number {
  return 16 + 3 * workers * roundsKept;
}

interface KnownJob {
  readonly record: JobRecord;
  readonly entries: ReadonlyMap<string, unknown>;
  /** Keys that are being written and are not among the entries yet. */
  readonly claims: ReadonlySet<string>;
}

/** Why a pod may not write that; undefined: it may. */
export function refusalOf(pod: PodOnBus, request: WriteRequest, job: KnownJob): string | undefined {
  const { key, value, what } = request;
  if (!key.startsWith(`${jobPrefix(pod.job)}.`)) return `${key} is of another job`;
  const [kind = '', round, index, ...more] = (parseKey(key)?.what ?? '').split('.');
  const family = families[kind];
  const isComplete = kind === 'state' ? round === undefined : isNumber(round);
  if (family === undefined || !isComplete || more.length > 0) return `${key} is no key of a worker`;
  if (!family.ways.includes(what))
    return `${what} of ${key}: it is written by ${family.ways.join(' or ')}`;
  if (kind !== 'state' && index !== String(pod.index)) {
    return `${key} is not of worker ${pod.index}`;
  }
  const record = family.schema.safeParse(value);
  if (!record.success) return `${key} would have something that nobody can read`;
  const { podUID } = record.data as { readonly podUID?: string };
  if (podUID !== undefined && podUID !== pod.uid) return `${key} would speak for pod ${podUID}`;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  const most = family.most(job.record.workers);
  if (bytes > most) return `${key} would have ${bytes} bytes; it may have ${most}`;
  const count = job.entries.size + job.claims.size;
  if (!job.entries.has(key) && !job.claims.has(key) && count >= mostKeys(job.record)) {
    return `the job has ${count} records; it may have ${mostKeys(job.record)}`;
  }
  return undefined;
}

function isNumber(word: string | undefined): boolean {
  return word !== undefined && /^(0|[1-9]\d{0,8})$/.test(word);
}

/** Doors of a job: requests about records, messages to keep, people who read. */
export function doorsOf({ job }: Pick<PodOnBus, 'job'>, { workers }: JobRecord) {
  return {
    ask: {
      ...{ subject: `anneal.ask.${jobPrefix(job)}.*.*.*`, window: 64 + 4 * workers },
      ...{ perSecond: 40 + 4 * workers, burst: 200 + 20 * workers, bytesPerUnit: 4_096 },
    },
    tell: {
      // A pod sends 64 at once, and half of the window is always open.
      ...{
        subject: `anneal.tell.${jobPrefix(job)}.*.*.*`,
        window: 192 + 64 * Math.min(workers, 8),
      },
      ...{ perSecond: 64 + 4 * workers, burst: 4_096, bytesPerUnit: 1_024 },
    },
    view: {
      ...{ subject: `anneal.view.${jobPrefix(job)}.*`, window: 64 },
      ...{ perSecond: 100, burst: 1_000, bytesPerUnit: 16_384 },
    },
  } as const satisfies Readonly<Record<string, DoorSettings>>;
}
