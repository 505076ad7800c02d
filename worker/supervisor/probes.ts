// Three routes for kubelet and Prometheus. Ready means: this supervisor is up, and the bus answers
// or has not been away for too long. It does not mean that the trainer runs: a restart in place
// must not make the pod unready.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Registry } from 'prom-client';

export interface PodNumbers {
  readonly step: number;
  readonly stepSeconds: number | undefined;
  readonly loss: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly checkpointStep: number | undefined;
  readonly round: number;
  readonly busConnected: boolean;
  readonly messagesWaiting: number;
  readonly messagesDropped: number;
}

interface ProbeFacts {
  readonly port: number;
  /** Undefined, or why not. */
  readonly notReady: () => string | undefined;
  readonly numbers: () => PodNumbers;
}

type Reading = readonly [name: string, help: string, of: (n: PodNumbers) => number | undefined];

const gauges: readonly Reading[] = [
  ['step', 'Optimizer steps done.', (n) => n.step],
  ['step_seconds', 'Time of the last step.', (n) => n.stepSeconds],
  ['train_loss', 'Loss of the last step, in nats for each target token.', (n) => n.loss],
  ['tokens_per_second', 'Tokens of the last step divided by its time.', (n) => n.tokensPerSecond],
  ['checkpoint_step', 'Step of the last committed checkpoint.', (n) => n.checkpointStep],
  ['round', 'Round of the world that this worker belongs to.', (n) => n.round],
  ['bus_connected', '1 while the bus answers this worker, else 0.', (n) => Number(n.busConnected)],
  ['messages_waiting', 'Messages on their way to the bus.', (n) => n.messagesWaiting],
];

const counters: readonly Reading[] = [
  [
    'messages_dropped_total',
    'Messages to the bus that were given up since the pod started.',
    (n) => n.messagesDropped,
  ],
];

export class Probes implements AsyncDisposable {
  readonly #server: Server;
  readonly port: number;

  static async listen(facts: ProbeFacts): Promise<Probes> {
    const registry = registryOf(facts.numbers);
    const server = createServer((request, response) => {
      answer(facts, registry, request.url ?? '').then(
        ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(facts.port);
    await once(server, 'listening');
    return new Probes(server);
  }

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/**
 * Every metric of a worker; docs/reference/metrics.md is printed from it. Not known yet is no zero.
 */
export function registryOf(numbers: () => PodNumbers): Registry {
  const registry = new Registry();
  const registers = [registry];
  for (const [suffix, help, of] of gauges) {
    new Gauge({
      ...{ name: `anneal_worker_${suffix}`, help, registers },
      collect() {
        this.set(of(numbers()) ?? Number.NaN);
      },
    });
  }
  for (const [suffix, help, of] of counters) {
    new Counter({
      ...{ name: `anneal_worker_${suffix}`, help, registers },
      collect() {
        this.reset();
        this.inc(of(numbers()) ?? 0);
      },
    });
  }
  return registry;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function answer(facts: ProbeFacts, registry: Registry, url: string): Promise<Answer> {
  const plain = (status: number, text: string) => ({ status, type: 'text/plain', text });
  switch (url.split('?')[0]) {
    case '/healthz':
      return plain(200, 'ok');
    case '/readyz': {
      const why = facts.notReady();
      return why === undefined ? plain(200, 'ok') : plain(503, why);
    }
    case '/metrics':
      return { status: 200, type: registry.contentType, text: await registry.metrics() };
    default:
      return plain(404, 'routes are /healthz, /readyz and /metrics');
  }
}
