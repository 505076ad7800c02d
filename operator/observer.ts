// What the operator says about itself: log lines and metrics. The parts that work know of neither.
import type { Logger } from 'pino';
import { phases } from '../crds/api/conditions.ts';
import type { Clock } from '../crds/clock.ts';
import { newSpanId } from '../crds/trace/exporter.ts';
import type { SpanSink } from '../crds/trace/span.ts';
import type { JobBus } from './bus/job-bus.ts';
import type { Informers } from './informers.ts';
import type { JanitorEvent } from './job/janitor.ts';
import type { PhaseChange } from './job/reconcile.ts';
import { JobMetrics } from './job-metrics.ts';
import { JobTraces } from './job-trace.ts';
import type { ReconcileOutcome } from './runtime/controller.ts';
import type { LeaseEvent } from './runtime/lease.ts';
import { beginAtZero, controllerAtZero, type Metrics } from './runtime/metrics.ts';
import type { ReflectorEvent } from './runtime/reflector.ts';
import type { KubeTransport } from './runtime/transport.ts';
import type { WorkQueue } from './runtime/work-queue.ts';

const name = 'finetunejob';
/** Controllers by the kinds that they are for, as they are named in metrics. */
type ControllerName = typeof name | 'adapterserver' | 'federation' | 'trainingpool';

/** What a key of each names, in a line of the log. */
const inLogs = {
  ...{ finetunejob: 'job', adapterserver: 'server' },
  ...{ federation: 'federation', trainingpool: 'pool' },
} as const;
/** Timers of jobs are set by our clock and read by another replica's. */
const largestSkewMs = 5_000;

interface Followed {
  readonly queue: WorkQueue;
  readonly informers: Informers;
  readonly bus: JobBus;
  readonly transport: KubeTransport;
}

export class Observer {
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #jobs: JobMetrics;
  readonly #traces: JobTraces | undefined;
  #followed: Followed | undefined;
  #toldSkew = false;

  constructor(log: Logger, metrics: Metrics, clock: Clock, spans?: SpanSink) {
    this.#log = log;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#jobs = new JobMetrics(metrics);
    this.#traces = spans && new JobTraces(spans, newSpanId);
  }

  follow(followed: Followed): void {
    this.#followed = followed;
    beginAtZero(this.#metrics, { name, resources: followed.informers.sizes().keys() });
  }

  /** A controller beside that of jobs. */
  begins(of: ControllerName): void {
    controllerAtZero(this.#metrics, of);
  }

  queueAdd(of: ControllerName = name): void {
    this.#metrics.queueAdds.inc({ name: of });
  }

  /** The metrics page; values that are states are read now. */
  async page(): Promise<{ readonly contentType: string; readonly text: string }> {
    const { registry } = this.#metrics;
    if (this.#followed !== undefined) this.#read(this.#followed);
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  reflector(resource: string, event: ReflectorEvent): void {
    if (event.type === 'Unreadable') {
      this.#metrics.unreadable.inc({ resource });
      this.#log.error({ resource, err: event.error }, 'an object could not be read');
      return;
    }
    this.#metrics.watchReconnects.inc({ resource, cause: event.cause });
    this.#log.debug({ resource, cause: event.cause, err: event.error }, 'a stream broke');
  }

  lease(event: LeaseEvent): void {
    switch (event.type) {
      case 'Acquired':
        this.#metrics.isLeader.set({ name }, 1);
        this.#log.info('this replica leads');
        return;
      case 'Lost':
        this.#metrics.isLeader.set({ name }, 0);
        this.#log.warn({ err: event.error }, 'this replica leads no longer');
        return;
      case 'Released':
        this.#metrics.isLeader.set({ name }, 0);
        this.#log.info('the lease was given back');
        return;
      case 'Waiting':
        this.#log.info({ holder: event.holder }, 'another replica leads');
        return;
      case 'Unanswered':
        this.#log.warn({ err: event.error }, 'the lease could not be read');
        return;
      default:
        event satisfies never;
    }
  }

  reconcile(outcome: ReconcileOutcome, of: ControllerName = name): void {
    const { key, result, waitedMs, workedMs, error, passing } = outcome;
    const metrics = this.#metrics;
    metrics.queueDuration.observe({ name: of }, waitedMs / 1000);
    metrics.workDuration.observe({ name: of }, workedMs / 1000);
    metrics.reconciles.inc({ controller: of, result });
    metrics.reconcileTime.observe({ controller: of }, workedMs / 1000);
    if (result !== 'error') return;
    metrics.queueRetries.inc({ name: of });
    metrics.reconcileErrors.inc({ controller: of });
    const level = passing === true ? 'warn' : 'error';
    this.#log[level]({ [inLogs[of]]: key, err: error }, 'a reconcile did not succeed');
  }

  phase(change: PhaseChange): void {
    const now = this.#clock.now();
    this.#jobs.changed(change, now);
    this.#traces?.changed(change, now);
  }

  janitor(event: JanitorEvent): void {
    const { namespace, uid } = event.job;
    if (event.type === 'Removed')
      this.#log.info({ namespace, uid }, 'left-over records were removed');
    else this.#log.warn({ namespace, uid, err: event.error }, 'left-over records stay for now');
  }

  #read({ queue, informers, bus, transport }: Followed): void {
    const metrics = this.#metrics;
    metrics.queueDepth.set({ name }, queue.depth);
    const underWay = queue.workUnderWayMs;
    metrics.unfinishedWork.set({ name }, underWay.reduce((sum, ms) => sum + ms, 0) / 1000);
    metrics.longestWork.set({ name }, Math.max(0, ...underWay) / 1000);
    for (const [resource, size] of informers.sizes())
      metrics.informerObjects.set({ resource }, size);
    const counts = new Map<string, number>(phases.map((phase) => [phase, 0]));
    const jobs = [...informers.stores.jobs.values()];
    const present = new Set(jobs.map(({ metadata }) => metadata.uid));
    this.#jobs.keep(present);
    this.#traces?.keep(present);
    for (const { status } of jobs) {
      const phase = status.phase ?? 'Pending';
      counts.set(phase, (counts.get(phase) ?? 0) + 1);
    }
    for (const [phase, count] of counts) metrics.jobs.set({ phase }, count);
    const { type } = bus.facts({ namespace: '', uid: '' });
    // A site without a bus has no number about it: an alert must not take it for one that is away.
    if (type === 'Absent') metrics.busConnected.remove();
    else metrics.busConnected.set(type === 'Present' ? 1 : 0);
    metrics.clockSkew.set(transport.skewMs / 1000);
    this.#tellSkew(transport.skewMs);
  }

  #tellSkew(skewMs: number): void {
    const large = Math.abs(skewMs) > largestSkewMs;
    if (large && !this.#toldSkew) {
      this.#log.warn(
        { skewMs, now: this.#clock.now() },
        'our clock and that of the API server differ',
      );
    }
    this.#toldSkew = large;
  }
}
