// What the Job controller, the scheduler, kubelet and the garbage collector do to our children, one
// step at a time: pods for missing indexes, the failure policy, Complete and Failed, children of a
// deleted owner. How each pod ends is the script of the test.
import { type At, type KubeObjects, metaOf } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';

export const jobsAt = 'apis/batch/v1/jobs';
export const podsAt = 'api/v1/pods';
const owners = ['finetunejobs', 'trainingpools'].map((kind) => `apis/anneal.dev/v1alpha1/${kind}`);
const owned = [
  jobsAt,
  podsAt,
  'api/v1/services',
  'api/v1/configmaps',
  'apis/networking.k8s.io/v1/networkpolicies',
];

/** How a pod ends; undefined: it runs on. */
export type PodScript = (
  pod: Tree,
) => { readonly exit: number; readonly terminationMessage?: object } | undefined;

interface JobSpec {
  readonly parallelism?: number;
  readonly completions?: number;
  readonly suspend?: boolean;
  readonly backoffLimit?: number;
  readonly podFailurePolicy?: { readonly rules: readonly Rule[] };
  readonly template: { readonly metadata?: Tree; readonly spec: Tree };
}

interface Rule {
  readonly action: string;
  readonly onExitCodes?: { readonly values: readonly number[] };
  readonly onPodConditions?: readonly object[];
}

export class JobController {
  readonly #objects: KubeObjects;
  readonly #now: () => number;
  #names = 0;

  constructor(objects: KubeObjects, now: () => number) {
    this.#objects = objects;
    this.#now = now;
  }

  step(script: PodScript): void {
    this.#collect();
    for (const pod of this.#objects.all(podsAt)) this.#advance(pod, script);
    for (const job of this.#objects.all(jobsAt)) this.#sync(job);
  }

  /** Evicts a pod, as a drain does. */
  evict(pod: Tree): void {
    this.#end(pod, 143, {}, [
      { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' },
    ]);
  }

  /** A pod that is gone without a word: its node is, or somebody deleted it by force. */
  lose(pod: Tree): void {
    this.#remove(pod);
  }

  podsOf(job: Tree): readonly Tree[] {
    return this.#objects.all(podsAt).filter((pod) => ownerOf(pod) === metaOf(job)['uid']);
  }

  #collect(): void {
    const alive = new Set(
      [...owners, jobsAt]
        .flatMap((collection) => this.#objects.all(collection))
        .map((object) => metaOf(object)['uid']),
    );
    for (const collection of owned) {
      for (const object of this.#objects.all(collection)) {
        const owner = ownerOf(object);
        if (owner !== undefined && !alive.has(owner))
          this.#objects.delete(placeOf(collection, object), undefined);
      }
    }
  }

  #advance(pod: Tree, script: PodScript): void {
    const { phase } = statusOf(pod);
    if (phase === 'Pending') {
      if (this.#prepares(pod)) return;
      const at = stamp(this.#now());
      const conditions = ['PodScheduled', 'Ready'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: at,
      }));
      this.#status(podsAt, pod, { phase: 'Running', conditions });
      return;
    }
    if (phase !== 'Running') return;
    const end = script(pod);
    if (end !== undefined) this.#end(pod, end.exit, end.terminationMessage ?? {}, []);
  }

  /** A container before the worker's runs for one step, and ends well. */
  #prepares(pod: Tree): boolean {
    const { initContainers = [] } = pod['spec'] as { initContainers?: readonly { name: string }[] };
    const [first] = initContainers;
    if (first === undefined) return false;
    const { initContainerStatuses: before } = statusOf(pod);
    const finishedAt = stamp(this.#now());
    const state =
      before === undefined ? { running: {} } : { terminated: { exitCode: 0, finishedAt } };
    this.#status(podsAt, pod, { initContainerStatuses: [{ name: first.name, state }] });
    return before === undefined;
  }

  #end(
    pod: Tree,
    exitCode: number,
    terminationMessage: object,
    conditions: readonly object[],
  ): void {
    const finishedAt = stamp(this.#now());
    const message = JSON.stringify({ v: 1, ...terminationMessage });
    const terminated = {
      exitCode,
      finishedAt,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      message,
    };
    this.#status(podsAt, pod, {
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      conditions,
      containerStatuses: [{ name: 'worker', state: { terminated } }],
    });
  }

  #sync(job: Tree): void {
    const spec = job['spec'] as JobSpec;
    const { parallelism = 1, completions = 1, suspend = false, backoffLimit = 6 } = spec;
    const before = statusOf(job);
    if (metaOf(job)['deletionTimestamp'] !== undefined) return;
    if (Array.isArray(before['conditions']) && before['conditions'].length > 0) return;
    const pods = this.podsOf(job);
    const active = pods.filter((pod) =>
      ['Pending', 'Running'].includes(String(statusOf(pod).phase)),
    );
    for (const pod of active) if (suspend || indexOf(pod) >= parallelism) this.#remove(pod);
    const failed = pods.filter((pod) => actionOf(pod, spec) === 'Count').length;
    const fatal = pods.find((pod) => actionOf(pod, spec) === 'FailJob');
    const done = new Set(pods.filter((pod) => statusOf(pod).phase === 'Succeeded').map(indexOf));
    const condition =
      fatal !== undefined
        ? failure('PodFailurePolicy', `pod ns/${metaOf(fatal)['name']} failed`)
        : failed > backoffLimit
          ? failure('BackoffLimitExceeded', 'too many failures')
          : done.size >= completions
            ? { type: 'Complete', reason: 'CompletionsReached', message: '' }
            : undefined;
    const lastTransitionTime = stamp(this.#now());
    const conditions =
      condition === undefined ? [] : [{ ...condition, status: 'True', lastTransitionTime }];
    if (condition?.type === 'Failed') for (const pod of active) this.#remove(pod);
    const taken = new Set([...done, ...active.map(indexOf)]);
    const missing = Array.from(
      { length: suspend ? 0 : Math.min(parallelism, completions) },
      (_, index) => index,
    ).filter((index) => !taken.has(index));
    if (condition === undefined) for (const index of missing) this.#createPod(job, spec, index);
    this.#status(jobsAt, job, {
      active: condition === undefined && !suspend ? active.length + missing.length : 0,
      ...{ failed: failed + (fatal === undefined ? 0 : 1), succeeded: done.size, conditions },
      startTime: before['startTime'] ?? lastTransitionTime,
    });
  }

  #createPod(job: Tree, { template }: JobSpec, index: number): void {
    const { name, namespace, uid } = metaOf(job);
    const labels = {
      ...(template.metadata?.['labels'] as object),
      'batch.kubernetes.io/job-completion-index': String(index),
    };
    this.#objects.create(
      { collection: podsAt, namespace: String(namespace) },
      {
        metadata: {
          ...{ name: `${name}-${index}-${++this.#names}`, namespace, labels },
          ownerReferences: [{ uid, controller: true }],
        },
        spec: { ...template.spec, nodeName: `node-${index}` },
        status: { phase: 'Pending' },
      },
    );
  }

  #remove(pod: Tree): void {
    const place = placeOf(podsAt, pod);
    if (this.#objects.find(place) !== undefined) this.#objects.delete(place, undefined);
  }

  #status(collection: string, object: Tree, status: Tree): void {
    const place = placeOf(collection, object);
    if (this.#objects.find(place) !== undefined) this.#objects.mergePatch(place, { status });
  }
}

function actionOf(pod: Tree, { podFailurePolicy }: JobSpec): string | undefined {
  const { phase, conditions, containerStatuses } = statusOf(pod) as {
    phase?: string;
    conditions?: { type: string }[];
    containerStatuses?: { state: { terminated?: { exitCode: number } } }[];
  };
  if (phase !== 'Failed') return undefined;
  const exitCode = containerStatuses?.[0]?.state.terminated?.exitCode ?? 137;
  const disrupted = conditions?.some(({ type }) => type === 'DisruptionTarget') === true;
  const rule = podFailurePolicy?.rules.find(
    ({ onExitCodes, onPodConditions }) =>
      (onPodConditions !== undefined && disrupted) || onExitCodes?.values.includes(exitCode),
  );
  return rule?.action ?? 'Count';
}

function failure(reason: string, message: string) {
  return { type: 'Failed', reason, message };
}

export function statusOf(object: Tree): Tree & { phase?: unknown } {
  return (object['status'] ?? {}) as Tree;
}

export function labelsOf(object: Tree): Record<string, string> {
  return (metaOf(object)['labels'] ?? {}) as Record<string, string>;
}

export function indexOf(pod: Tree): number {
  return Number(labelsOf(pod)['batch.kubernetes.io/job-completion-index'] ?? 0);
}

export function ownerOf(object: Tree): unknown {
  const owners = metaOf(object)['ownerReferences'] as { uid: string }[] | undefined;
  return owners?.[0]?.uid;
}

export function placeOf(collection: string, object: Tree): At {
  const { namespace, name } = metaOf(object);
  return { collection, namespace: String(namespace), name: String(name) };
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z/, 'Z');
}
