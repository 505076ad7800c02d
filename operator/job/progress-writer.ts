// Writes progress into status: the second manager of status, with its own pace. A job is written
// every ten seconds at most, all jobs together twenty times a second; what people watch live comes
// from the bus.

import type { Clock } from '../../crds/clock.ts';
import { apiVersion, kind } from '../../crds/names/group.ts';
import { fieldManager } from '../../crds/names/labels.ts';
import type { JobBus } from '../bus/job-bus.ts';
import { isStatus } from '../runtime/api-error.ts';
import type { KubeClient } from '../runtime/client.ts';
import type { Store } from '../runtime/store.ts';
import { isOver } from './decide.ts';
import { fineTuneJobs, type ObservedFineTuneJob } from './observed/fine-tune-job.ts';
import { isUrgent, type ProgressPart, progressPart, tellsMore } from './progress.ts';

interface ProgressWriterFacts {
  readonly jobs: Store<ObservedFineTuneJob, string>;
  readonly bus: Pick<JobBus, 'facts' | 'progress'>;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly seen: (result: 'success' | 'error') => void;
}

const perJobMs = 10_000;
const perSecond = 20;
/** One round looks at all jobs. */
const roundMs = 1_000;

export class ProgressWriter {
  readonly #facts: ProgressWriterFacts;
  readonly #written = new Map<string, { readonly at: number; readonly part: ProgressPart }>();

  constructor(facts: ProgressWriterFacts) {
    this.#facts = facts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#facts;
    while (!signal.aborted) {
      await clock.sleep(roundMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.round(signal);
    }
  }

  /** Writes what is due, the job that waited longest first. */
  async round(signal: AbortSignal): Promise<void> {
    const { jobs, clock } = this.#facts;
    const due: { job: ObservedFineTuneJob; part: ProgressPart; since: number }[] = [];
    for (const job of jobs.values()) {
      const part = this.#due(job, clock.now());
      if (part !== undefined) {
        due.push({ job, part, since: this.#written.get(job.metadata.uid)?.at ?? 0 });
      }
    }
    due.sort((a, b) => a.since - b.since);
    for (const { job, part } of due.slice(0, perSecond)) {
      if (signal.aborted) return;
      await this.#write(job, part, signal);
    }
    this.#forgetGone();
  }

  #due(job: ObservedFineTuneJob, now: number): ProgressPart | undefined {
    const { namespace, uid } = job.metadata;
    const onBus = { namespace, uid };
    const { bus } = this.#facts;
    const told = bus.progress(onBus);
    const over = isOver(job.status);
    const known = { now, before: job.status.progress, over };
    const part = progressPart(told, bus.facts(onBus), known);
    if (told === undefined && part.checkpoint === undefined && !over) return undefined;
    const last = this.#written.get(uid);
    const before = last?.part ?? job.status;
    if (!tellsMore(before, part)) return undefined;
    const waited = last === undefined || now - last.at >= perJobMs;
    return waited || isUrgent(before, part) || over ? part : undefined;
  }

  async #write(job: ObservedFineTuneJob, part: ProgressPart, signal: AbortSignal): Promise<void> {
    const { client, clock, seen } = this.#facts;
    const { name, namespace, uid } = job.metadata;
    const manifest = { apiVersion, kind, metadata: { name, namespace, uid }, status: part };
    const options = { manager: fieldManager.progress, subresource: 'status' };
    try {
      await client.apply(fineTuneJobs, manifest, options, signal);
      this.#written.set(uid, { at: clock.now(), part });
      seen('success');
    } catch (error) {
      if (signal.aborted || isStatus(error, 404)) return;
      // The next round tries again; it must not take every round of a server that is busy.
      this.#written.set(uid, { at: clock.now(), part: job.status });
      seen('error');
    }
  }

  #forgetGone(): void {
    const uids = new Set([...this.#facts.jobs.values()].map(({ metadata }) => metadata.uid));
    for (const uid of this.#written.keys()) if (!uids.has(uid)) this.#written.delete(uid);
  }
}
