// The API server without a network: requests act on KubeObjects at once. A test may make any of
// them fail before or after it took effect.
import { toApiError, unanswered } from '../../../operator/runtime/api-error.ts';
import type { KubeRequest, KubeTransport } from '../../../operator/runtime/transport.ts';
import { type KubeObjects, RefusalError } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import { perform, statusOf } from '../kube/server.ts';

export type Outcome = 'Fine' | 'FailsBefore' | 'AnswerIsLost' | 'Busy' | 'Forbidden' | 'Invalid';

const invalid = {
  ...{ kind: 'Status', code: 422, reason: 'Invalid' },
  message: 'spec.a: Invalid value: "-1": must be greater than or equal to 0',
};
const forbidden = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'no such right' };

export class MemoryTransport implements KubeTransport {
  readonly skewMs = 0;
  /** Writes that took effect, in order. */
  readonly writes: KubeRequest[] = [];
  /** Requests, whatever became of them. */
  requests = 0;
  outcome: (asked: KubeRequest) => Outcome = () => 'Fine';
  readonly #objects: KubeObjects;

  constructor(objects: KubeObjects) {
    this.#objects = objects;
  }

  async send(asked: KubeRequest, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    this.requests += 1;
    const what = `${asked.verb} ${asked.path}`;
    const outcome = this.outcome(asked);
    if (outcome === 'FailsBefore') throw unanswered(what, new Error('the connection was refused'));
    if (outcome === 'Busy') throw toApiError(what, 429, { kind: 'Status', code: 429 }, '1');
    if (outcome === 'Forbidden') throw toApiError(what, 403, forbidden, undefined);
    if (outcome === 'Invalid') throw toApiError(what, 422, invalid, undefined);
    const answer = this.#perform(asked, what);
    if (outcome === 'AnswerIsLost') throw unanswered(what, new Error('the connection was cut'));
    return answer;
  }

  // biome-ignore lint/correctness/useYield: caches of a simulation are told by the objects themselves.
  async *lines(): AsyncGenerator<string> {
    throw new Error('a simulation has no watches');
  }

  #perform(asked: KubeRequest, what: string): unknown {
    const query = new URLSearchParams(
      Object.entries(asked.query ?? {}).map(([key, value]): [string, string] => [
        key,
        String(value),
      ]),
    );
    try {
      const body = asked.body === undefined ? undefined : (structuredClone(asked.body) as Tree);
      const answer = perform(this.#objects, {
        ...{ verb: asked.verb, path: asked.path, query, body },
        contentType: asked.contentType ?? '',
      });
      if (asked.verb !== 'GET') this.writes.push(asked);
      return structuredClone(answer);
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      throw toApiError(what, error.refusal.status, statusOf(error), undefined);
    }
  }
}
