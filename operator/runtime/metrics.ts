// Every number that the operator exports. Names that Go operators use too are spelled as theirs, so that dashboards carry over;
// ours begin with anneal_. No label holds the name or UID of a job: there is no bound on those.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

const shortTimes = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30];
const longTimes = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400];

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labelNames: L[]
  ) => new Histogram({ name, help, buckets, labelNames, registers });
  return {
    registry,
    ...runtimeMetrics(counter, gauge, histogram),
    jobs: gauge('anneal_jobs', 'Fine-tuning jobs by phase.', 'phase'),
    phaseTransitions: counter('anneal_phase_transitions_total', 'Changes of phase.', 'from', 'to'),
    phaseDuration: histogram(
      'anneal_phase_duration_seconds',
      'Time that jobs spent in a phase.',
      longTimes,
      'phase',
    ),
    restarts: counter('anneal_restarts_total', 'Restarts by cause and rung.', 'cause', 'rung'),
    failures: counter('anneal_failures_total', 'Jobs that failed, by reason.', 'reason'),
    queueWait: histogram('anneal_queue_wait_seconds', 'Time in a queue.', longTimes),
    statusWrites: counter(
      'anneal_status_writes_total',
      'Writes of status by manager and result.',
      'manager',
      'result',
    ),
    busConnected: gauge('anneal_bus_connected', '1 while the bus answers.'),
    eventsDropped: counter('anneal_events_dropped_total', 'Events that were not sent.'),
    clockSkew: gauge('anneal_clock_skew_seconds', 'Time of the API server minus ours.'),
  };
}

type CounterOf = <L extends string>(name: string, help: string, ...labels: L[]) => Counter<L>;
type GaugeOf = <L extends string>(name: string, help: string, ...labels: L[]) => Gauge<L>;
type HistogramOf = <L extends string>(
  name: string,
  help: string,
  buckets: number[],
  ...labels: L[]
) => Histogram<L>;

function runtimeMetrics(counter: CounterOf, gauge: GaugeOf, histogram: HistogramOf) {
  return {
    queueDepth: gauge('workqueue_depth', 'Keys in line.', 'name'),
    queueAdds: counter('workqueue_adds_total', 'Keys taken from the line.', 'name'),
    queueRetries: counter('workqueue_retries_total', 'Keys put back after an error.', 'name'),
    queueDuration: histogram(
      'workqueue_queue_duration_seconds',
      'Time in line.',
      shortTimes,
      'name',
    ),
    workDuration: histogram('workqueue_work_duration_seconds', 'Time at work.', shortTimes, 'name'),
    reconciles: counter(
      'controller_runtime_reconcile_total',
      'Reconciles by result.',
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
    requests: counter(
      'rest_client_requests_total',
      'Requests to the API server; code 0 is no answer.',
      'method',
      'code',
    ),
    requestDuration: histogram(
      'rest_client_request_duration_seconds',
      'Time to the first byte of an answer.',
      shortTimes,
      'verb',
    ),
    isLeader: gauge('leader_election_master_status', '1 while this replica leads.', 'name'),
    watchReconnects: counter(
      'anneal_watch_reconnects_total',
      'Streams that broke.',
      'resource',
      'cause',
    ),
    unreadable: counter(
      'anneal_unreadable_objects_total',
      'Objects that were skipped.',
      'resource',
    ),
    cacheObjects: gauge('anneal_cache_objects', 'Objects in memory.', 'resource'),
  };
}
