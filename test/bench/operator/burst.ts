// A burst of objects created at once, and when the jobs of the batch API that a controller makes
// for them are there.
import type { Transport } from '../../../operator/runtime/transport.ts';
import type { Contender } from './contenders.ts';

export interface Burst {
  readonly contender: Contender;
  /**
   * Names of what is created: no name is used in two bursts, because what is deleted may be seen
   * for a while.
   */
  readonly names: readonly string[];
}

interface Waited {
  /** Milliseconds from the sending of each create to the sight of its job, ascending. */
  readonly latencies: readonly number[];
  /** From the first create to the last job. */
  readonly seconds: number;
}

export interface BurstResult {
  /** Until the first job of each, whatever it is for. */
  readonly first: Waited;
  /** Until the job with the workers of each. */
  readonly workers: Waited;
}

const inFlight = 16;
const patienceMs = 300_000;

export async function runBurst(
  transport: Transport,
  { contender, names }: Burst,
  signal: AbortSignal,
): Promise<BurstResult> {
  const { namespace, ownerOf, body } = contender;
  const path = collectionOf(contender);
  const mine = new Set(names);
  const sent = new Map<string, number>();
  const first = new Map<string, number>();
  const workers = new Map<string, number>();
  const stop = new AbortController();
  const complete = Promise.withResolvers<void>();
  const follows = AbortSignal.any([signal, stop.signal]);
  const saw = (job: string, at: number): void => {
    const found = ownerOf(job);
    if (found === undefined || !mine.has(found.owner)) return;
    if (!first.has(found.owner)) first.set(found.owner, at);
    if (found.trains && !workers.has(found.owner)) workers.set(found.owner, at);
    if (workers.size === names.length) complete.resolve();
  };
  const following = follow(transport, namespace, follows, saw);
  following.catch(complete.reject);
  const queue = [...names];
  const create = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      sent.set(name, performance.now());
      await transport.send({ verb: 'POST', path, body: body(name) }, signal);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, create));
  const late = setTimeout(() => {
    standing(transport, contender, signal).then(
      (all) =>
        complete.reject(new Error(`${workers.size} of ${names.length} have workers; ${all}`)),
      complete.reject,
    );
  }, patienceMs);
  await complete.promise.finally(() => clearTimeout(late));
  stop.abort();
  return { first: waited(sent, first), workers: waited(sent, workers) };
}

export function collectionOf({ group, namespace, plural }: Contender): string {
  return `/apis/${group}/namespaces/${namespace}/${plural}`;
}

function waited(sent: ReadonlyMap<string, number>, seen: ReadonlyMap<string, number>): Waited {
  const latencies = [...sent].map(([name, at]) => (seen.get(name) ?? Number.NaN) - at);
  const begin = Math.min(...sent.values());
  return {
    latencies: latencies.sort((a, b) => a - b),
    seconds: (Math.max(...seen.values()) - begin) / 1000,
  };
}

/** Each job when it is first seen, again after the API server has ended a watch, as it may. */
async function follow(
  transport: Transport,
  namespace: string,
  signal: AbortSignal,
  saw: (job: string, at: number) => void,
): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const query = { watch: true, resourceVersion: '0' };
  try {
    while (!signal.aborted) {
      for await (const line of transport.lines({ verb: 'GET', path, query }, patienceMs, signal)) {
        const at = performance.now();
        const { type, object } = JSON.parse(line) as Seen;
        if (type === 'ADDED') saw(object.metadata?.name ?? '', at);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface Seen {
  readonly type: string;
  readonly object: { readonly metadata?: { readonly name?: string } };
}

/** After five minutes: which of all that take part has not done its own. */
async function standing(
  transport: Transport,
  contender: Contender,
  signal: AbortSignal,
): Promise<string> {
  const { namespace } = contender;
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const places = [collectionOf(contender), jobs, `/api/v1/namespaces/${namespace}/pods`];
  const told = places.map(async (path) => {
    const { items } = (await transport.send({ verb: 'GET', path }, signal)) as Listed;
    const states = Map.groupBy(items, stateOf);
    const counts = [...states].map(([state, found]) => `${found.length} ${state}`).sort();
    return `${path.replace(/.*\//, '')}: ${counts.join(', ')}`;
  });
  return `after five minutes ${(await Promise.all(told)).join('; ')}`;
}

interface Listed {
  readonly items: readonly {
    readonly status?: {
      readonly phase?: string;
      readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
  }[];
}

function stateOf({ status }: Listed['items'][number]): string {
  const holding = (status?.conditions ?? []).filter(({ status: value }) => value === 'True');
  return status?.phase ?? (holding.map(({ type }) => type).join('+') || 'without a state');
}
