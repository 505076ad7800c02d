import type { Clock } from '../clock.ts';
import { gate } from './gate.ts';
import type { Network } from './http.ts';
import { brisk } from './retry.ts';

/** Connections at one time, over all files. */
export const connections = 8;
/** A server that says nothing for so long is asked again. */
export const stallMs = 30_000;

/** The network of this machine. Jitter needs no seed: nothing that is trained depends on it. */
export function systemNetwork(clock: Clock): Network {
  const rng = (): number => {
    const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
    return word / 2 ** 32;
  };
  return { fetch, stallMs, connections: gate(connections), policy: brisk, clock, rng };
}
