// A burst of objects created at once, and when the jobs of the batch API that a controller makes for them are there.
import type { Transport } from '../../../operator/runtime/transport.ts';

export interface Burst {
  readonly namespace: string;
  readonly count: number;
  /** Collection of what is created, `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL`. */
  readonly path: string;
  readonly body: (name: string) => object;
  /** Name of the created object that a job of the batch API stands for; undefined: for none of ours. */
  readonly ownerOf: (job: string) => string | undefined;
}

export interface BurstResult {
  /** Milliseconds from the sending of each create to the sight of its job, ascending. */
  readonly latencies: readonly number[];
  /** From the first create to the last job. */
  readonly seconds: number;
}

const inFlight = 16;

export async function runBurst(
  transport: Transport,
  burst: Burst,
  signal: AbortSignal,
): Promise<BurstResult> {
  const sent = new Map<string, number>();
  const seen = new Map<string, number>();
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const complete = Promise.withResolvers<void>();
  const following = follow(transport, burst, both, (owner, at) => {
    if (!seen.has(owner)) seen.set(owner, at);
    if (seen.size === burst.count) complete.resolve();
  });
  following.catch(complete.reject);
  const names = Array.from({ length: burst.count }, (_, i) => `b${String(i).padStart(4, '0')}`);
  const queue = [...names];
  const create = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      sent.set(name, performance.now());
      await transport.send({ verb: 'POST', path: burst.path, body: burst.body(name) }, signal);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, create));
  await Promise.race([complete.promise, deadline(burst, seen, signal)]);
  stop.abort();
  const latencies = names.map((name) => (seen.get(name) ?? 0) - (sent.get(name) ?? 0));
  const begin = Math.min(...sent.values());
  return {
    latencies: latencies.sort((a, b) => a - b),
    seconds: (Math.max(...seen.values()) - begin) / 1000,
  };
}

async function follow(
  transport: Transport,
  { namespace, ownerOf }: Burst,
  signal: AbortSignal,
  saw: (owner: string, at: number) => void,
): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const query = { watch: true, resourceVersion: '0' };
  try {
    for await (const line of transport.lines({ verb: 'GET', path, query }, 600_000, signal)) {
      const at = performance.now();
      const { object } = JSON.parse(line) as { object: { metadata?: { name?: string } } };
      const owner = ownerOf(object.metadata?.name ?? '');
      if (owner !== undefined) saw(owner, at);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function deadline(
  { count, path }: Burst,
  seen: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<never> {
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, 300_000);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    timer.unref();
  });
  throw new Error(`after five minutes ${seen.size} of ${count} of ${path} have a job`);
}
