// What a pod says of its adapters.
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { servingPort } from '../../crds/serve/pod.ts';
import {
  type ServedAdapters,
  servedAdapters,
  vllmModels,
} from '../../crds/serve/served-adapters.ts';
import { PodAsker } from '../runtime/ask-pod.ts';

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

export function podAsker(port: number = servingPort): AskPod & AsyncDisposable {
  const asker = new PodAsker();
  const ask: AskPod = (address, engine, signal) =>
    asker.ask(address, { port, ...questions[engine] }, signal);
  return Object.assign(ask, { [Symbol.asyncDispose]: () => asker[Symbol.asyncDispose]() });
}
