// What a pod says of its adapters: asked over HTTP at its address, with bounds on time and bytes.
import { Agent, request } from 'undici';
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { servingPort } from '../../crds/serve/pod.ts';
import {
  type ServedAdapters,
  servedAdapters,
  vllmModels,
} from '../../crds/serve/served-adapters.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

/** Undefined where it does not answer, or answers something else. */
export type AskPod = (
  address: string,
  engine: Engine,
  signal: AbortSignal,
) => Promise<ServedAdapters | undefined>;

type Engine = ServerSpec['engine']['type'];

/** What an engine is asked, and what its answer means. */
const questions = {
  Anneal: { path: '/adapters', answer: servedAdapters },
  VLLM: { path: '/v1/models', answer: vllmModels },
} as const;

const answerMs = 2_000;
const mostBytes = 2 ** 20;

/** Never through a proxy: addresses of pods are those of the cluster. */
export function podAsker(port: number = servingPort): AskPod & AsyncDisposable {
  const agent = new Agent({ connections: 1, maxResponseSize: mostBytes, keepAliveTimeout: 1_000 });
  const ask: AskPod = async (address, engine, signal) => {
    const { path, answer } = questions[engine];
    const host = address.includes(':') ? `[${address}]` : address;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    try {
      const { statusCode, body } = await request(`http://${host}:${port}${path}`, {
        ...{ dispatcher: agent, signal: deadline },
      });
      const text = await body.text();
      if (statusCode !== 200) return undefined;
      return answer.safeParse(parseJson(text, jsonLimits.message)).data;
    } catch (error) {
      signal.throwIfAborted();
      if (isOfNetwork(error) || error instanceof RefusedBytes) return undefined;
      throw error;
    }
  };
  return Object.assign(ask, { [Symbol.asyncDispose]: () => agent.destroy() });
}

/** Errors of the network and of undici have a code, and an aborted request a name. */
function isOfNetwork(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return 'code' in error || ['AbortError', 'TimeoutError'].includes(error.name);
}
