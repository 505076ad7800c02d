// Every metric that the operator exports; docs/reference/metrics.md is printed from it. Names that
// Go operators use too have their meaning as well, so that dashboards carry over; ours begin with
// anneal_. No label holds the name or UID of a job: there is no bound on those.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { failures } from '../../crds/failures/table.ts';
import { rendezvousCauseNames } from '../../crds/wire/rendezvous-causes.ts';
import { collectProcessMetrics } from './process-metrics.ts';

export type Metrics = ReturnType<typeof createMetrics>;

const shortTimes = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];
const longTimes = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

export function createMetrics() {
  const registry = new Registry();
  collectProcessMetrics(registry, 'operator');
  const make = metricsIn(registry);
  return {
    registry,
    ...jobMetrics(make),
    ...busMetrics(make),
    ...queueMetrics(make),
    ...controllerMetrics(make),
    ...apiServerMetrics(make),
  };
}

interface Names {
  /** Of the queue and of the controller. */
  readonly name: string;
  readonly resources: Iterable<string>;
}

/**
 * A series that appears with its first event has no increase: alerts and panels would miss that
 * event.
 */
export function beginAtZero(metrics: Metrics, { name, resources }: Names): void {
  metrics.isLeader.set({ name }, 0);
  controllerAtZero(metrics, name);
  for (const resource of resources) metrics.unreadable.inc({ resource }, 0);
  for (const cause of rendezvousCauseNames) {
    for (const rung of ['NewRound', 'NewRevision']) metrics.restarts.inc({ cause, rung }, 0);
  }
  for (const { reason } of Object.values(failures)) metrics.failures.inc({ reason }, 0);
}

/** The part of one of several controllers. */
export function controllerAtZero(metrics: Metrics, name: string): void {
  metrics.queueAdds.inc({ name }, 0);
  metrics.queueRetries.inc({ name }, 0);
  metrics.reconcileErrors.inc({ controller: name }, 0);
  for (const result of ['success', 'requeue_after', 'error']) {
    metrics.reconciles.inc({ controller: name, result }, 0);
  }
}

type Make = ReturnType<typeof metricsIn>;

function metricsIn(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Counter({ name, help, labelNames, registers }),
    gauge: <L extends string>(name: string, help: string, ...labelNames: L[]) =>
      new Gauge({ name, help, labelNames, registers }),
    histogram: <L extends string>(
      name: string,
      help: string,
      buckets: number[],
      ...labelNames: L[]
    ) => new Histogram({ name, help, buckets, labelNames, registers }),
  };
}

function jobMetrics({ counter, gauge, histogram }: Make) {
  return {
    jobs: gauge(
      'anneal_jobs',
      'Fine-tuning jobs by phase. Each replica of the operator tells all of them: take the maximum, not the sum.',
      'phase',
    ),
    phaseTransitions: counter(
      'anneal_phase_transitions_total',
      'Changes of the phase of a job.',
      'from',
      'to',
    ),
    phaseDuration: histogram(
      'anneal_phase_duration_seconds',
      'Time that a job spent in a phase, observed when it leaves the phase.',
      longTimes,
      'phase',
    ),
    restarts: counter(
      'anneal_restarts_total',
      'Restarts of the workers of a job, by cause and by rung: in the same pods (NewRound), or in new ones (NewRevision).',
      'cause',
      'rung',
    ),
    failures: counter('anneal_failures_total', 'Jobs that failed, by reason.', 'reason'),
    queueWait: histogram(
      'anneal_queue_wait_seconds',
      'Time from the request for quota to its admission, for jobs with a queue.',
      longTimes,
    ),
    statusWrites: counter(
      'anneal_status_writes_total',
      'Writes of progress into the status of jobs, by result.',
      'manager',
      'result',
    ),
  };
}

function busMetrics({ counter, gauge }: Make) {
  return {
    busConnected: gauge(
      'anneal_bus_connected',
      '1 while this replica is connected to the bus and has read its records, else 0. Absent where the site has no bus.',
    ),
    busWrites: counter(
      'anneal_bus_writes_total',
      'Writes to the bus by operation and result: success, away (there was no connection), error (connected, and it did not store: no quorum, or no space).',
      'operation',
      'result',
    ),
  };
}

function queueMetrics({ counter, gauge, histogram }: Make) {
  return {
    queueDepth: gauge(
      'workqueue_depth',
      'Keys in the work queue. A standby keeps its queue full and takes nothing from it.',
      'name',
    ),
    queueAdds: counter(
      'workqueue_adds_total',
      'Keys added to the work queue. A key that waits already is not added again.',
      'name',
    ),
    queueRetries: counter(
      'workqueue_retries_total',
      'Keys put back into the work queue after an error.',
      'name',
    ),
    queueDuration: histogram(
      'workqueue_queue_duration_seconds',
      'Time that a key waited in the work queue.',
      shortTimes,
      'name',
    ),
    workDuration: histogram(
      'workqueue_work_duration_seconds',
      'Time that the work on a key took.',
      shortTimes,
      'name',
    ),
    unfinishedWork: gauge(
      'workqueue_unfinished_work_seconds',
      'Time of the work under way, summed over its keys. A value that only grows means that work hangs.',
      'name',
    ),
    longestWork: gauge(
      'workqueue_longest_running_processor_seconds',
      'Time of the longest work under way.',
      'name',
    ),
  };
}

function controllerMetrics({ counter, gauge, histogram }: Make) {
  return {
    reconciles: counter(
      'controller_runtime_reconcile_total',
      'Reconciles by result: success, requeue_after, error.',
      'controller',
      'result',
    ),
    reconcileErrors: counter(
      'controller_runtime_reconcile_errors_total',
      'Reconciles that ended with an error.',
      'controller',
    ),
    reconcileTime: histogram(
      'controller_runtime_reconcile_time_seconds',
      'Time of a reconcile.',
      shortTimes,
      'controller',
    ),
    isLeader: gauge('leader_election_master_status', '1 while this replica leads, else 0.', 'name'),
    spansDropped: counter(
      'anneal_spans_dropped_total',
      'Spans of traces that were given up: the collector did not take them, or too many waited.',
    ),
    eventsDropped: counter(
      'anneal_events_dropped_total',
      'Kubernetes events that were not sent, because too many of one object came at once or the API server refused them.',
    ),
  };
}

function apiServerMetrics({ counter, gauge, histogram }: Make) {
  return {
    requests: counter(
      'rest_client_requests_total',
      'Requests to the API server by method and code of the answer; code 0 means no answer.',
      'method',
      'code',
    ),
    requestDuration: histogram(
      'rest_client_request_duration_seconds',
      'Time from a request to the API server to the first byte of its answer.',
      shortTimes,
      'verb',
    ),
    watchReconnects: counter(
      'anneal_watch_reconnects_total',
      'Watches of the API server that ended before their time, by resource and cause.',
      'resource',
      'cause',
    ),
    unreadable: counter(
      'anneal_unreadable_objects_total',
      'Objects of the API server that could not be read and were skipped, by resource.',
      'resource',
    ),
    informerObjects: gauge(
      'anneal_informer_objects',
      'Objects of the API server in the memory of this replica, by resource.',
      'resource',
    ),
    clockSkew: gauge(
      'anneal_clock_skew_seconds',
      'Clock of the API server minus the clock of this replica, from the last answer.',
    ),
  };
}
