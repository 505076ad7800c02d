// Asks a pod over HTTP at its address, with bounds on time and bytes. What it answers is the text
// of a stranger until a schema has taken it.
import { Agent, request } from 'undici';
import type * as z from 'zod';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

interface Question<T> {
  readonly port: number;
  readonly path: string;
  readonly answer: z.ZodType<T>;
}

const answerMs = 2_000;
const mostBytes = 2 ** 20;

export class PodAsker implements AsyncDisposable {
  /** Never through a proxy: addresses of pods are those of the cluster. */
  readonly #agent = new Agent({
    ...{ connections: 1, maxResponseSize: mostBytes, keepAliveTimeout: 1_000 },
  });

  /** Undefined where it does not answer, or answers something else. */
  async ask<T>(
    address: string,
    { port, path, answer }: Question<T>,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const host = address.includes(':') ? `[${address}]` : address;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    try {
      const { statusCode, body } = await request(`http://${host}:${port}${path}`, {
        ...{ dispatcher: this.#agent, signal: deadline },
      });
      const text = await body.text();
      if (statusCode !== 200) return undefined;
      return answer.safeParse(parseJson(text, jsonLimits.message)).data;
    } catch (error) {
      signal.throwIfAborted();
      if (isOfNetwork(error) || error instanceof RefusedBytes) return undefined;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Errors of the network and of undici have a code, and an aborted request a name. */
function isOfNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return 'code' in error || ['AbortError', 'TimeoutError'].includes(error.name);
}
