// Limits how often one client may connect. Each connection costs the API server a review of the
// token, and the bus memory for as long as it stays.
import { TokenBucket } from '../runtime/token-bucket.ts';
import type { Bearer } from './bearer.ts';

/** Many pods may share an address, behind one that is translated. */
const hostRate = { perSecond: 10, burst: 200 } as const;
const podRate = { perSecond: 0.05, burst: 20 } as const;
/** Every command of every person of a namespace connects. */
const viewerRate = { perSecond: 2, burst: 200 } as const;
/** More than this, and those that have been quiet are forgotten. */
const mostKnown = 10_000;

export class Visits {
  readonly #hosts = new Map<string, TokenBucket>();
  readonly #users = new Map<string, TokenBucket>();

  host(name: string, nowMs: number): boolean {
    return take(this.#hosts, name, hostRate, nowMs);
  }

  /** The operator may come as often as it likes. */
  user(name: string, type: Bearer['type'], nowMs: number): boolean {
    if (type === 'Operator') return true;
    return take(this.#users, name, type === 'Job' ? podRate : viewerRate, nowMs);
  }
}

function take(
  known: Map<string, TokenBucket>,
  name: string,
  rate: { readonly perSecond: number; readonly burst: number },
  nowMs: number,
): boolean {
  const bucket = known.get(name) ?? new TokenBucket(rate, nowMs);
  known.set(name, bucket);
  if (known.size > mostKnown)
    for (const [each, other] of known) if (other.isFull(nowMs)) known.delete(each);
  return bucket.take(nowMs);
}
