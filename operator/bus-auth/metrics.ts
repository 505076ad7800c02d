// Numbers of the program that guards the bus. No label holds the name of a job or of a person:
// there is no bound on those.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Gateway } from '../gateway/gateway.ts';
import { collectProcessMetrics } from '../runtime/process-metrics.ts';
import type { ResponderEvent } from './responder.ts';

const seconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

export class BusAuthMetrics {
  readonly registry = new Registry();
  readonly #connections: Counter<'result'>;
  readonly #requests: Counter<'request' | 'answer'>;
  readonly #duration: Histogram<'request'>;

  /** Looked at when somebody asks for the page. */
  constructor(gateway: () => Pick<Gateway, 'isReady' | 'numbers'> | undefined) {
    const registers = [this.registry];
    collectProcessMetrics(this.registry, 'bus-auth');
    this.#connections = new Counter({
      ...{ name: 'anneal_bus_auth_connections_total', registers, labelNames: ['result'] },
      help: 'Connections that were judged: admitted, refused, or unanswered because nobody could be asked.',
    });
    // A series that appears with its first event has no increase.
    for (const result of ['admitted', 'refused', 'unanswered'])
      this.#connections.inc({ result }, 0);
    this.#requests = new Counter({
      ...{ name: 'anneal_gateway_requests_total', registers, labelNames: ['request', 'answer'] },
      help: 'Requests of pods and people, by what they were answered.',
    });
    this.#duration = new Histogram({
      ...{ name: 'anneal_gateway_request_duration_seconds', registers, labelNames: ['request'] },
      ...{ buckets: seconds, help: 'Time from a request to its answer.' },
    });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(value());
        },
      });
    gauge('anneal_gateway_ready', '1 while requests are answered.', () =>
      Number(gateway()?.isReady ?? false),
    );
    gauge('anneal_gateway_jobs', 'Jobs whose pods may speak.', () => gateway()?.numbers.jobs ?? 0);
    gauge(
      'anneal_gateway_jobs_waiting',
      'Doors that are closed because their job has used up its credit.',
      () => gateway()?.numbers.waiting ?? 0,
    );
  }

  judged({ type }: ResponderEvent): void {
    this.#connections.inc({ result: type.toLowerCase() });
  }

  answered(request: string, answer: string, ms: number): void {
    this.#requests.inc({ request, answer });
    this.#duration.observe({ request }, ms / 1000);
  }
}
