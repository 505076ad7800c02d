// One look at a server: which objects it should have, and what to say of it. Pure.
import type * as z from 'zod';
import type {
  ServedAdapterStatus,
  ServerCondition,
  ServerStatus,
} from '../../crds/api/adapter-server.ts';
import type { Condition } from '../../crds/api/conditions.ts';
import { placeOf } from '../../crds/serve/adapter-list.ts';
import { leftOut } from '../../crds/serve/handover.ts';
import type { ServedAdapters, ServedLoad } from '../../crds/serve/served-adapters.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';
import { setCondition } from '../runtime/conditions.ts';
import type { BuiltServer } from './built-server.ts';
import { selectorText, urlOf } from './objects.ts';
import type { Deployment, ObservedServer, ServingPod } from './observed.ts';
import type { Places } from './places.ts';
import { memoryInStatus, type PlannedPod } from './planned-memory.ts';
import { handoverContainer } from './vllm-pod.ts';

/** What a person has to change before the server can be as it is asked for. */
interface ServerRefusal {
  readonly reason: string;
  readonly message: string;
}

export interface ServerFacts {
  readonly server: ObservedServer;
  readonly places: Places;
  readonly planned: PlannedPod | undefined;
  readonly deployment: Deployment | undefined;
  readonly pods: readonly ServingPod[];
  /** Of each ready pod; undefined where it did not answer. */
  readonly told: readonly (ServedAdapters | undefined)[];
  /** Whether what adapters were asked is told anew; else status keeps what it tells of it. */
  readonly tellsLoad: boolean;
  /** What the cluster refused last, of this generation. */
  readonly refused: ServerRefusal | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface ServerDecision {
  /** Undefined where nothing can be built of the spec. */
  readonly built: BuiltServer | undefined;
  readonly status: ServerStatus;
  /** Whether its objects should be written: not those of a server that cannot fit. */
  readonly isWritten: boolean;
  /** Whether something is under way that no informer tells of. */
  readonly isSettled: boolean;
  /** Whether what it was asked will be another number soon. */
  readonly isBusy: boolean;
}

export function isReady({ metadata, status }: ServingPod): boolean {
  const ready = status.conditions?.some(
    ({ type, status: is }) => type === 'Ready' && is === 'True',
  );
  return metadata.deletionTimestamp === undefined && ready === true;
}

/** Adapters that the container in front of vLLM refused. */
function leftOutBy({ status }: ServingPod): z.output<typeof leftOut>['refused'] {
  const first = status.initContainerStatuses?.find(({ name }) => name === handoverContainer);
  const { exitCode, message = '' } = first?.state.terminated ?? {};
  if (exitCode !== 0) return [];
  try {
    return leftOut.safeParse(parseJson(message, jsonLimits.message)).data?.refused ?? [];
  } catch (error) {
    if (error instanceof RefusedBytes) return [];
    throw error;
  }
}

export function decideServer(facts: ServerFacts): ServerDecision {
  const { server, places, planned } = facts;
  const { metadata, spec } = server;
  const { name, namespace, uid } = metadata;
  const built = spec === undefined ? undefined : { name, namespace, uid, spec, places, planned };
  const adapters = built === undefined ? [] : statesOf(built, facts);
  const loaded = adapters.filter(({ state }) => state === 'Loaded').length;
  const says = conditionsOf(facts, built, adapters);
  let conditions: readonly Condition[] = server.status.conditions ?? [];
  for (const one of says) {
    conditions = setCondition(conditions, one, { now: facts.now, generation: server.generation });
  }
  const { deployment } = facts;
  const status: ServerStatus = {
    observedGeneration: server.generation,
    replicas: deployment?.status.replicas ?? 0,
    readyReplicas: deployment?.status.availableReplicas ?? 0,
    ...(built === undefined ? {} : { selector: selectorText(built), url: urlOf(built) }),
    adapters: [...adapters],
    summary: `${loaded}/${adapters.length}`,
    ...(planned && { memory: memoryInStatus(planned.plan) }),
    conditions: [...conditions],
  };
  const isSettled = says.every(({ status: is }) => is === 'True') || spec?.replicas === 0;
  const isWritten = built !== undefined && planned?.misfit === undefined;
  const isBusy = adapters.some(({ load }) => (load?.open ?? 0) > 0);
  return { built, isWritten, status, isSettled, isBusy };
}

interface Said {
  readonly type: ServerCondition;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

function conditionsOf(
  facts: ServerFacts,
  built: BuiltServer | undefined,
  adapters: readonly ServedAdapterStatus[],
): readonly Said[] {
  const { server, refused } = facts;
  if (built === undefined) {
    const problem = { status: 'False', reason: 'InvalidSpec', message: server.problem } as const;
    return [{ type: 'Accepted', ...problem }];
  }
  const misfit = built.planned?.misfit;
  return [
    misfit !== undefined
      ? { type: 'Accepted', status: 'False', reason: 'DoesNotFit', message: misfit }
      : refused === undefined
        ? accepted
        : { type: 'Accepted', status: 'False', reason: refused.reason, message: refused.message },
    readiness(facts, built),
    loading(adapters),
  ];
}

const accepted: Said = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'the objects of the server are written',
};

function readiness({ deployment, pods }: ServerFacts, { spec }: BuiltServer): Said {
  const wanted = spec.replicas;
  const no = (reason: string, message: string): Said => ({
    ...{ type: 'Ready', status: 'False', reason, message },
  });
  if (wanted === 0) return no('NoReplicas', 'spec.replicas is 0');
  if (deployment === undefined) return no('Pending', 'the Deployment is not there yet');
  const { observedGeneration, updatedReplicas, availableReplicas, replicas } = deployment.status;
  const isSeen = observedGeneration >= deployment.metadata.generation;
  const isWhole = updatedReplicas === wanted && availableReplicas === wanted && replicas === wanted;
  if (isSeen && isWhole) {
    return {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: `${inPods(wanted)} ${wanted === 1 ? 'answers' : 'answer'}`,
    };
  }
  const state = `pods that answer: ${availableReplicas} of ${wanted}; up to date: ${updatedReplicas}`;
  const why = problemOf(deployment, pods);
  return no(
    why === undefined ? 'Pending' : 'PodsFail',
    why === undefined ? state : `${state}; ${why}`,
  );
}

function inPods(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`;
}

/** Reasons that pass by themselves. */
const passing = ['ContainerCreating', 'PodInitializing'];

function problemOf({ status }: Deployment, pods: readonly ServingPod[]): string | undefined {
  const failure = status.conditions?.find(
    ({ type, status: is }) => type === 'ReplicaFailure' && is === 'True',
  );
  if (failure !== undefined) return failure.message;
  for (const { metadata, status: of } of pods) {
    const containers = [...(of.initContainerStatuses ?? []), ...(of.containerStatuses ?? [])];
    for (const { state, lastState } of containers) {
      const { reason, message } = state.waiting ?? { reason: '', message: '' };
      if (reason === '' || passing.includes(reason)) continue;
      const said = lastState.terminated?.message.trim().split('\n').slice(-2).join(' ') ?? '';
      return `pod ${metadata.name}: ${reason}: ${said === '' ? message : said}`;
    }
  }
  return undefined;
}

function loading(adapters: readonly ServedAdapterStatus[]): Said {
  const missing = adapters.filter(({ state }) => state !== 'Loaded');
  const refused = missing.find(({ state }) => state === 'Refused');
  const said = { type: 'AdaptersLoaded' } as const;
  if (refused !== undefined) {
    const message = `${refused.name}: ${refused.message ?? ''}`;
    return { ...said, status: 'False', reason: 'Refused', message };
  }
  const [first] = missing;
  if (first !== undefined) {
    const message = `${missing.length} of ${adapters.length} are not loaded yet, ${first.name} is one`;
    return { ...said, status: 'False', reason: 'Loading', message };
  }
  return { ...said, status: 'True', reason: 'Loaded', message: `${adapters.length} are served` };
}

/** Of a message in status. */
const longest = 1000;

/**
 * Refused is what the spec or any pod refuses; loaded what all pods serve, an adapter from the
 * folder where it lies now.
 */
function statesOf(
  { spec, places }: BuiltServer,
  { server, told, tellsLoad, pods }: Pick<ServerFacts, 'server' | 'told' | 'tellsLoad' | 'pods'>,
): readonly ServedAdapterStatus[] {
  const leftOut = pods.flatMap(leftOutBy);
  const answers = told.flatMap((one) => one ?? []);
  const isWhole = told.length > 0 && answers.length === told.length;
  return [...spec.adapters, ...spec.compose].map(({ name }) => {
    const known = [...places.refused, ...leftOut, ...answers.flatMap(({ refused }) => refused)];
    const reason = known.find((one) => one.name === name)?.reason;
    if (reason !== undefined) return { name, state: 'Refused', message: reason.slice(0, longest) };
    const listed = places.listed.find((one) => one.name === name);
    const place = listed && placeOf(listed);
    // vLLM says where its first container put what it fetched.
    const isAnywhere = spec.engine.type === 'VLLM' && listed !== undefined && 's3' in listed;
    const isLoaded =
      isWhole &&
      answers.every(({ served }) =>
        served.some((one) => one.name === name && (isAnywhere || one.folder === place)),
      );
    const before = server.status.adapters?.find((one) => one.name === name);
    const told = tellsLoad ? undefined : before?.load;
    const load = told ?? loadIn(answers, name);
    return { name, state: isLoaded ? 'Loaded' : 'Loading', ...(load && { load }) };
  });
}

/** The sum over the pods; undefined where none tells it. */
function loadIn(answers: readonly ServedAdapters[], name: string): ServedLoad | undefined {
  const loads = answers.flatMap(
    ({ served }) => served.find((one) => one.name === name)?.load ?? [],
  );
  if (loads.length === 0) return undefined;
  const sum = (of: keyof ServedLoad) => loads.reduce((all, load) => all + load[of], 0);
  return { open: sum('open'), answers: sum('answers'), tokens: sum('tokens') };
}
