import type { Clock } from '../../crds/clock.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { gate } from './gate.ts';
import type { Network } from './http.ts';
import { brisk } from './retry.ts';

/** Connections at one time, over all files. */
const connections = 8;
/** A server that is silent for so long is asked again. */
const stallMs = 30_000;

/** Shorter waits are not reported. */
const toldMs = 1000;

/**
 * The network of this machine. Its jitter needs no seed, since training does not depend on it.
 * Reports waits, because an unreachable hub is retried for two minutes.
 */
export function systemNetwork(clock: Clock, emit: (message: TelemetryBody) => void): Network {
  const rng = (): number => {
    const [word = 0] = crypto.getRandomValues(new Uint32Array(1));
    return word / 2 ** 32;
  };
  const onRetry: Network['onRetry'] = ({ message }, waitMs) => {
    if (waitMs < toldMs) return;
    const words = `${message}; trying again in ${Math.round(waitMs / 1000)} s`;
    emit({ type: 'warning', reason: 'FetchRetried', message: words });
  };
  return { fetch, stallMs, connections: gate(connections), policy: brisk, clock, rng, onRetry };
}
