// Three routes for kubelet and Prometheus. Ready means: this supervisor is up, and the bus answers or has not been away for too long.
// It does not mean that the trainer runs: a restart in place must not make the pod unready.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Gauge, Registry } from 'prom-client';

export interface PodNumbers {
  readonly step: number;
  readonly stepSeconds: number | undefined;
  readonly loss: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly checkpointStep: number | undefined;
  readonly generation: number;
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

/** Name, help, and where the number comes from. */
const gauges: readonly (readonly [string, string, (n: PodNumbers) => number | undefined])[] = [
  ['anneal_step', 'Optimizer steps done.', (n) => n.step],
  ['anneal_step_seconds', 'Time of the last step.', (n) => n.stepSeconds],
  ['anneal_train_loss', 'Loss of the last step, nats a learned token.', (n) => n.loss],
  ['anneal_tokens_per_second', 'Tokens of the last step by its time.', (n) => n.tokensPerSecond],
  ['anneal_checkpoint_step', 'Step of the last committed checkpoint.', (n) => n.checkpointStep],
  ['anneal_generation', 'Generation of the world.', (n) => n.generation],
  ['anneal_bus_connected', '1 while the bus answers.', (n) => Number(n.busConnected)],
  ['anneal_messages_waiting', 'Messages on their way to the bus.', (n) => n.messagesWaiting],
  ['anneal_messages_dropped', 'Messages given up since the start.', (n) => n.messagesDropped],
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

function registryOf(numbers: () => PodNumbers): Registry {
  const registry = new Registry();
  for (const [name, help, of] of gauges) {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        const value = of(numbers());
        // Not known yet is no zero.
        this.set(value ?? Number.NaN);
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
