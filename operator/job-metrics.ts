// Metrics of jobs, counted from one status to the next. Only the replica that saw a phase begin
// knows when it began: a new leader reports no duration of the phases that it found.

import type { FineTuneJobStatus } from '../crds/api/status.ts';
import type { PhaseChange } from './job/reconcile.ts';
import { conditionOf } from './runtime/conditions.ts';
import type { Metrics } from './runtime/metrics.ts';

type Counted = Pick<
  Metrics,
  'failures' | 'phaseDuration' | 'phaseTransitions' | 'queueWait' | 'restarts'
>;

export class JobMetrics {
  readonly #metrics: Counted;
  /** When the present phase of a job began, by UID. */
  readonly #began = new Map<string, number>();

  constructor(metrics: Counted) {
    this.#metrics = metrics;
  }

  changed({ uid, before, after }: Omit<PhaseChange, 'job'>, now: number): void {
    this.#phase(uid, before?.phase ?? 'None', after, now);
    this.#restarts(before ?? {}, after);
    const held = conditionOf(before?.conditions ?? [], 'QuotaReserved');
    const admitted = conditionOf(after.conditions ?? [], 'QuotaReserved');
    if (held?.status === 'False' && admitted?.status === 'True') {
      this.#metrics.queueWait.observe((now - Date.parse(held.lastTransitionTime)) / 1000);
    }
  }

  /** Jobs that are gone are forgotten. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.#began.keys()) if (!uids.has(uid)) this.#began.delete(uid);
  }

  #phase(uid: string, from: string, { phase, failure }: FineTuneJobStatus, now: number): void {
    const to: string = phase ?? 'None';
    if (from === to) return;
    this.#metrics.phaseTransitions.inc({ from, to });
    const began = this.#began.get(uid);
    if (began !== undefined)
      this.#metrics.phaseDuration.observe({ phase: from }, (now - began) / 1000);
    this.#began.set(uid, now);
    if (to === 'Failed') this.#metrics.failures.inc({ reason: failure?.reason ?? 'Unknown' });
  }

  #restarts(before: FineTuneJobStatus, after: FineTuneJobStatus): void {
    const rung = isNextRevision(before, after) ? 'NewRevision' : 'NewRound';
    const [was, is] = [before.restarts ?? {}, after.restarts ?? {}];
    const more = (key: 'counted' | 'disruptions' | 'resizes') =>
      Math.max(0, (is[key] ?? 0) - (was[key] ?? 0));
    const causes = [
      [is.lastCause ?? 'Unknown', more('counted')],
      ['Disruption', more('disruptions')],
      ['Resize', more('resizes')],
    ] as const;
    for (const [cause, count] of causes) {
      if (count > 0) this.#metrics.restarts.inc({ cause, rung }, count);
    }
  }
}

function isNextRevision(before: FineTuneJobStatus, after: FineTuneJobStatus): boolean {
  return before.workerRevision !== undefined && (after.workerRevision ?? 0) > before.workerRevision;
}
