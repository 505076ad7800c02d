// The invariants of a job, by the numbers that messages name. I4 and I11 are in the schedules
// themselves: calls fail before and after they took effect, and there are two leaders. That a
// worker of an old round cannot commit (I9) is proven with a real bus, test/wire/supervisor.
import type { V1PodSpec } from '@kubernetes/client-node';
import { isReasonOf } from '../../../crds/api/condition-reasons.ts';
import type { ConditionType } from '../../../crds/api/conditions.ts';
import { failures } from '../../../crds/failures/table.ts';
import { finalizer } from '../../../crds/names/labels.ts';
import { phaseOf } from '../../../operator/job/phase.ts';
import { isTrue } from '../../../operator/runtime/conditions.ts';
import type { KubeRequest } from '../../../operator/runtime/transport.ts';
import { metaOf } from '../kube/objects.ts';
import { violations } from '../restricted-profile.ts';
import { jobsAt } from './job-controller.ts';
import type { World } from './world.ts';

/** What was so before. */
export interface Memory {
  end: string | undefined;
  writes: number;
  step: number;
  /** Generation of the job when the finalizer was first seen on it, before it had a status. */
  begun: number | undefined;
  readonly foreign: string;
}

export function memoryOf(world: World): Memory {
  return {
    end: undefined,
    writes: world.transport.writes.length,
    step: 0,
    begun: undefined,
    foreign: foreignNow(world),
  };
}

/** Throws the sentence of the invariant that does not hold. */
export function hold(world: World, memory: Memory, maxRestarts: number): void {
  const written = world.transport.writes.slice(memory.writes);
  memory.writes = world.transport.writes.length;
  const workers = world.jobs('worker').filter((each) => metaOf(each)['name'] !== foreignName);
  check(workers.length <= 1, `I1: there are ${workers.length} worker Jobs`);
  check(foreignNow(world) === memory.foreign, 'I5: a foreign object changed');
  check(!written.some(({ path }) => path.includes('/secrets')), 'I12: a Secret was written');
  for (const { body } of written) {
    const spec = podSpecOf(body);
    const found = spec === undefined ? [] : violations(spec);
    check(found.length === 0, `I14: a pod violates the restricted profile: ${found.join(', ')}`);
  }
  if (world.observed !== undefined) {
    holdOfStatus(world, maxRestarts);
    holdOfEnd(world, memory, written.filter(isCreating));
  }
  holdOfBus(world, memory);
}

const failureReasons = new Set<string>(Object.values(failures).map(({ reason }) => reason));

function holdOfStatus(world: World, maxRestarts: number): void {
  const { status = {}, generation = 0 } = world.observed ?? {};
  const { conditions = [], phase, observedGeneration = 0, restarts } = status;
  if (phase !== undefined) {
    check(phase === phaseOf(conditions), 'I6: the phase is not that of the conditions');
  }
  check(observedGeneration <= generation, 'I6: the observed generation is ahead');
  check(
    conditions.every((each) => (each.observedGeneration ?? 0) <= generation),
    'I6: a condition is ahead of the spec',
  );
  for (const { type, reason } of conditions) {
    const known = isReasonOf(type as ConditionType, reason) || failureReasons.has(reason);
    check(known, `${type} has the reason ${reason}, which no page explains`);
  }
  check(
    (restarts?.counted ?? 0) <= maxRestarts,
    `I10: ${restarts?.counted} restarts were counted, ${maxRestarts} are allowed`,
  );
}

function holdOfEnd(world: World, memory: Memory, created: readonly KubeRequest[]): void {
  const { status, generation, metadata } = world.observed ?? { status: {}, generation: 0 };
  const { conditions = [] } = status;
  const end = conditions.find(
    ({ type, status: is }) => is === 'True' && /^(Complete|Failed)$/.test(type),
  );
  const [first] = created;
  if (memory.end !== undefined) {
    check(first === undefined, `I2: ${first?.verb} ${first?.path} after the end`);
    check(`${end?.type}/${end?.reason}` === memory.end, `I2: the end changed from ${memory.end}`);
  }
  memory.end ??= end === undefined ? undefined : `${end.type}/${end.reason}`;
  const judged = conditions.find(({ type }) => type === 'Validated')?.observedGeneration;
  const isValid = isTrue(conditions, 'Validated') && judged === generation;
  // A job without a status is begun by the finalizer, on the version that was judged.
  if (conditions.length === 0 && metadata?.finalizers.includes(finalizer)) {
    memory.begun ??= generation;
  }
  const isBegun = conditions.length === 0 && memory.begun === generation;
  check(
    first === undefined || isValid || isBegun,
    `I7: ${first?.verb} ${first?.path} before the spec was judged`,
  );
}

/**
 * What was committed stays committed, whoever writes the record next, and after its storage was
 * lost.
 */
function holdOfBus(world: World, memory: Memory): void {
  for (const job of world.bus?.jobs() ?? []) {
    const { state } = world.bus?.of(job) ?? {};
    if (state === undefined) continue;
    const step = state.checkpoint?.step ?? 0;
    check(step >= memory.step, `I8: the checkpoint went from step ${memory.step} to ${step}`);
    memory.step = step;
  }
}

function isCreating({ verb, path }: KubeRequest): boolean {
  if (path.includes('/finetunejobs/') || path.includes('/events')) return false;
  return verb === 'POST' || (verb === 'PATCH' && !path.includes('/jobs/'));
}

function podSpecOf(body: unknown): V1PodSpec | undefined {
  const { template } = ((body ?? {}) as { spec?: { template?: { spec?: V1PodSpec } } }).spec ?? {};
  return template?.spec;
}

export function check(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}

/** Objects with our labels that are somebody else's. */
export function plantForeign(world: World): void {
  const owner = world.objects.create(
    { collection: 'apis/anneal.dev/v1alpha1/finetunejobs', namespace: 'team-b' },
    { metadata: { name: 'someone', namespace: 'team-b' }, spec: {} },
  );
  const uid = String(metaOf(world.find() ?? {})['uid']);
  const labels = {
    ...{ 'anneal.dev/job-uid': uid, 'anneal.dev/job-name': 'first' },
    ...{ 'anneal.dev/component': 'worker', 'anneal.dev/worker-revision': '9' },
  };
  const ownerReferences = [{ uid: metaOf(owner)['uid'], controller: true }];
  const metadata = { name: foreignName, namespace: 'team-a', labels, ownerReferences };
  for (const { collection, namespace } of foreign) {
    const spec = { suspend: true, template: { spec: {} } };
    world.objects.create({ collection, namespace }, { metadata, spec });
  }
}

const foreignName = 'foreign';

export const foreign = [jobsAt, 'apis/networking.k8s.io/v1/networkpolicies'].map((collection) => ({
  ...{ collection, namespace: 'team-a', name: foreignName },
}));

/** What of them matters; the Job controller may look at them as it does at any. */
function foreignNow(world: World): string {
  const found = foreign.map((at) => world.objects.find(at));
  return JSON.stringify(
    found.map((object) => [object?.['spec'], object && metaOf(object)['labels']]),
  );
}
