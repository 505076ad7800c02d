// Which requests come when, and for which adapter: the same for all servers.
import { drawsOf, streamOf } from '../../../../worker/tensor/streams.ts';

export interface Asked {
  /** Seconds from the start. */
  readonly at: number;
  /** Place of the adapter among those that are served. */
  readonly adapter: number;
  /** Ids of tokens, of no other request. */
  readonly prompt: readonly number[];
}

interface Wanted {
  readonly requests: number;
  readonly adapters: number;
  /** Requests a second, Poisson: the times between them are exponential. All come at once at 0. */
  readonly rate: number;
  /** Of adapters and arrivals. */
  readonly seed: number;
}

const promptTokens = 32;

export function scheduled({ requests, adapters, rate, seed }: Wanted): readonly Asked[] {
  const gaps = drawsOf(streamOf(seed, 'bench', 'arrivals'));
  const choices = drawsOf(streamOf(seed, 'bench', 'adapters', adapters));
  let at = 0;
  return Array.from({ length: requests }, (_, i) => {
    if (rate > 0) at -= Math.log(1 - gaps.uniform()) / rate;
    const prompt = Array.from({ length: promptTokens }, (_, n) => 100 + 7 * n + i);
    return { at, adapter: choices.below(adapters), prompt };
  });
}
