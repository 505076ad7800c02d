// Three routes for kubelet and Prometheus: is the loop alive, have the informers synced, what are
// the numbers.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '../../crds/failures/errors.ts';

interface HealthFacts {
  readonly port: number;
  readonly host?: string;
  /** Milliseconds for which the event loop was held up at worst, lately. */
  readonly loopLagMs: () => number;
  readonly ready: () => Readiness;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly why: string };

/** Longer than this, kubelet should start the process anew. */
const longestLagMs = 5_000;

export class HealthServer implements AsyncDisposable {
  readonly #server: Server;
  readonly port: number;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async listen(facts: HealthFacts): Promise<HealthServer> {
    const server = createServer((request, response) => {
      answer(facts, request.url ?? '').then(
        ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(facts.port, facts.host);
    try {
      await once(server, 'listening');
    } catch (error) {
      throw portTaken(facts.port, error);
    }
    return new HealthServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function portTaken(port: number, cause: unknown): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `port ${port} for health and metrics cannot be opened: ${cause instanceof Error ? cause.message : cause}`,
    hint: 'set ANNEAL_HEALTH_PORT to a port that is free',
    cause,
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function answer(facts: HealthFacts, url: string): Promise<Answer> {
  const plain = (status: number, text: string) => ({ status, type: 'text/plain', text });
  switch (url.split('?')[0]) {
    case '/healthz': {
      const lag = facts.loopLagMs();
      if (lag < longestLagMs) return plain(200, 'ok');
      return plain(503, `the event loop was held up for ${Math.round(lag)} ms`);
    }
    case '/readyz': {
      const readiness = facts.ready();
      return readiness.ready ? plain(200, 'ok') : plain(503, readiness.why);
    }
    case '/metrics': {
      const { contentType, text } = await facts.metrics();
      return { status: 200, type: contentType, text };
    }
    default:
      return plain(404, 'routes are /healthz, /readyz and /metrics');
  }
}
