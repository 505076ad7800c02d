// A job for the toy worker in a namespace of its own, and what tests ask about it.
import type { ExecutionContext } from 'ava';
import { ApiError } from '../../operator/runtime/api-error.ts';
import { aWrittenJob, changed } from '../builders/job.ts';
import { eventually } from '../doubles/eventually.ts';
import { aClaim, aNamespace, clientOf, kubectl, never } from './access.ts';

export interface JobStatus {
  readonly phase?: string;
  readonly conditions?: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
  }[];
  readonly workerRevision?: number;
  readonly restarts?: {
    readonly counted?: number;
    readonly disruptions?: number;
    readonly resizes?: number;
    readonly lastCause?: string;
  };
  readonly failure?: {
    readonly code: string;
    readonly reason: string;
    readonly message: string;
    readonly exitCode?: number;
    readonly index?: number;
    readonly node?: string;
    readonly record?: string;
  };
  readonly artifacts?: readonly { readonly uri: string }[];
  readonly model?: { readonly family?: string };
  readonly plan?: {
    readonly trainableParameters?: number;
    readonly memory?: {
      readonly peak?: string;
      readonly limit?: string;
      readonly leastDevice?: string;
    };
  };
  readonly rendezvous?: { readonly round?: number; readonly worldSize?: number };
  readonly progress?: { readonly step?: number };
  readonly checkpoint?: { readonly latestStep?: number; readonly round?: number };
  readonly save?: { readonly step?: number };
}

interface Role {
  readonly seconds?: number;
  readonly exit?: number;
  readonly words?: object;
}

export interface Toy {
  readonly prepare?: Role;
  readonly supervise?: Role;
  readonly publish?: Role;
}

const plurals = {
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  networkpolicies: '/apis/networking.k8s.io/v1',
  events: '/apis/events.k8s.io/v1',
  configmaps: '/api/v1',
} as const;

export async function aJobIn(t: ExecutionContext, toy: Toy = {}, changes: object = {}) {
  const namespace = await aNamespace(t);
  await aClaim(namespace, 'notes');
  const { transport } = clientOf(t);
  const get = (path: string) => transport.send({ verb: 'GET', path }, never);
  const list = async (plural: keyof typeof plurals) => {
    const path = `${plurals[plural]}/namespaces/${namespace}/${plural}`;
    return ((await get(path)) as { items: Listed[] }).items;
  };
  /** One job of the namespace. */
  const named = (name: string, toy: Toy, changes: object) => {
    const path = `/apis/anneal.dev/v1alpha1/namespaces/${namespace}/finetunejobs/${name}`;
    const status = async (): Promise<JobStatus> =>
      ((await get(path)) as { status?: JobStatus }).status ?? {};
    /** Asks the API server twice a second until it holds. */
    const until = (
      what: string,
      holds: (now: JobStatus) => boolean | Promise<boolean>,
      seconds = 180,
    ) =>
      eventually(what, () => answered(async () => holds(await status())), {
        withinMs: seconds * 1000,
        everyMs: 500,
      });
    const job = written({ name, namespace }, toy, changes);
    return {
      status,
      until,
      untilPhase: (phase: string) => until(`${name} is ${phase}`, (now) => now.phase === phase),
      apply: () => kubectl(['apply', '-f', '-'], { input: JSON.stringify(job) }),
      patch: (spec: object) => {
        const patch = ['--type=merge', '-p', JSON.stringify({ spec })];
        return kubectl(['-n', namespace, 'patch', 'ftj', name, ...patch]);
      },
    };
  };
  return {
    ...named('first', toy, changes),
    ...{ namespace, list, another: named },
    names: async (plural: keyof typeof plurals) =>
      (await list(plural)).map(({ metadata }) => metadata.name).sort(),
  };
}

function written(metadata: object, toy: Toy, changes: object): object {
  return changed(
    { ...aWrittenJob(), metadata },
    {
      'spec.worker.devicesPerWorker': 0,
      'spec.worker.terminationGracePeriodSeconds': 5,
      'spec.worker.env': [{ name: 'TOY', value: JSON.stringify(toy) }],
      ...changes,
    },
  );
}

/** A busy machine may leave a question without an answer; it is asked again. */
async function answered(ask: () => Promise<boolean>): Promise<boolean> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) return false;
    throw error;
  }
}

interface Listed {
  readonly metadata: { readonly name: string };
  readonly [key: string]: unknown;
}

/** `True/Reason` of a condition. */
export function is({ conditions = [] }: JobStatus, type: string): string | undefined {
  const found = conditions.find((each) => each.type === type);
  return found === undefined ? undefined : `${found.status}/${found.reason}`;
}

export function messageOf({ conditions = [] }: JobStatus, type: string): string {
  return conditions.find((each) => each.type === type)?.message ?? '';
}
