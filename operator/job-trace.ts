// The life of a job as spans: one for each phase of work or waiting, and one around all of them.
// They follow from each status as it is written, and cost the operator nothing else. A job that is
// deleted before its end leaves the spans of what it did.
import { isTerminal } from '../crds/api/conditions.ts';
import type { FineTuneJobStatus } from '../crds/api/status.ts';
import { annotation } from '../crds/names/labels.ts';
import { type JobTrace, traceOfJob } from '../crds/trace/context.ts';
import { SampledSpans } from '../crds/trace/sampled.ts';
import type { SpanSink } from '../crds/trace/span.ts';
import type { PhaseChange } from './job/reconcile.ts';
import { conditionOf, isTrue } from './runtime/conditions.ts';

interface Followed {
  readonly trace: JobTrace;
  readonly spans: SampledSpans;
  stage: string | undefined;
  sinceMs: number;
}

export class JobTraces {
  readonly #put: SpanSink;
  readonly #newId: () => string;
  readonly #jobs = new Map<string, Followed>();

  constructor(put: SpanSink, newId: () => string) {
    this.#put = put;
    this.#newId = newId;
  }

  changed(change: PhaseChange, now: number): void {
    const { uid, before = {}, after } = change;
    const isOver = hasEnded(after);
    if (samplingOf(change) === 'None' || hasEnded(before)) {
      this.#jobs.delete(uid);
      return;
    }
    const followed = this.#follow(change);
    const stage = stageOf(after);
    if (stage !== followed.stage) {
      this.#endStage(change, followed, now);
      followed.stage = stage;
      followed.sinceMs = now;
    }
    if (!isOver) return;
    this.#endJob(change, followed, now);
    this.#jobs.delete(uid);
  }

  /** Jobs that are gone are forgotten. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.#jobs.keys()) if (!uids.has(uid)) this.#jobs.delete(uid);
  }

  /**
   * A new leader, and one that led before and did not see it all, goes by what stands in the
   * status.
   */
  #follow({ uid, job, before = {} }: PhaseChange): Followed {
    const known = this.#jobs.get(uid);
    const stage = stageOf(before);
    if (known !== undefined && known.stage === stage) return known;
    const { annotations } = job.metadata;
    const sampling = job.spec?.observability.traceSampling ?? 'None';
    const followed: Followed = {
      trace: known?.trace ?? traceOfJob(uid, annotations[annotation.traceparent]),
      spans: known?.spans ?? new SampledSpans(sampling, this.#put),
      stage,
      sinceMs: lastChange(before) ?? createdAt(job),
    };
    this.#jobs.set(uid, followed);
    return followed;
  }

  #endStage({ after }: PhaseChange, { trace, spans, stage, sinceMs }: Followed, now: number): void {
    if (stage === undefined) return;
    const { traceId, spanId: parentId } = trace.job;
    spans.put({
      ...{ traceId, spanId: this.#newId(), parentId, name: stage, startMs: sinceMs, endMs: now },
      attributes: { 'anneal.round': after.rendezvous?.round },
      error: errorOf(after),
    });
  }

  #endJob({ job, after }: PhaseChange, { trace, spans }: Followed, now: number): void {
    const { name, namespace, uid } = job.metadata;
    const error = errorOf(after);
    spans.put({
      ...{ ...trace.job, parentId: trace.parentId, name: 'FineTuneJob', startMs: createdAt(job) },
      endMs: now,
      attributes: {
        ...{ 'anneal.job': name, 'anneal.namespace': namespace, 'anneal.job_uid': uid },
        ...{ 'anneal.phase': after.phase, 'anneal.restarts': after.restarts?.counted ?? 0 },
      },
      error,
    });
    spans.end(error !== undefined);
  }
}

const names = {
  Pending: 'validate',
  Initializing: 'prepare',
  Queued: 'queue',
  Running: 'train',
  Resizing: 'resize',
  Restarting: 'restart',
  Suspending: 'suspend',
  Suspended: 'suspended',
  Publishing: 'publish',
} as const;

/** What the job does or waits for; undefined once it has ended. */
function stageOf({ phase = 'Pending', jobRef, conditions = [] }: FineTuneJobStatus) {
  if (phase === 'Succeeded' || phase === 'Failed') return undefined;
  if (phase !== 'Starting') return names[phase];
  if (jobRef === undefined) return 'create workers';
  return isTrue(conditions, 'PodsReady') ? 'rendezvous' : 'wait for pods';
}

function hasEnded({ phase }: FineTuneJobStatus): boolean {
  return phase !== undefined && isTerminal(phase);
}

function samplingOf({ job }: PhaseChange) {
  return job.spec?.observability.traceSampling ?? 'None';
}

function createdAt({ metadata }: PhaseChange['job']): number {
  return Date.parse(metadata.creationTimestamp);
}

/** Conditions that a stage follows from. */
const deciding = [
  ...(['Validated', 'Suspended', 'QuotaReserved', 'Initialized', 'PodsReady'] as const),
  ...(['Running', 'Restarting', 'Resizing', 'Published'] as const),
];

/** To a second. */
function lastChange({ conditions = [] }: FineTuneJobStatus): number | undefined {
  const times = deciding.flatMap((type) => {
    const condition = conditionOf(conditions, type);
    return condition === undefined ? [] : [Date.parse(condition.lastTransitionTime)];
  });
  return times.length === 0 ? undefined : Math.max(...times);
}

function errorOf({ phase, failure }: FineTuneJobStatus): string | undefined {
  if (phase !== 'Failed') return undefined;
  return `${failure?.message ?? 'failed'} (${failure?.code ?? 'unknown'})`;
}
