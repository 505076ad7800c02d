// The books of a simulated pool, kept beside the operator's and by none of its functions: from the
// run folders and the processes alone follow how a job may end, who may write where, and what has
// to be left alone.
import type { V1PodSpec } from '@kubernetes/client-node';
import { label } from '../../../../crds/names/labels.ts';
import type { ObservedFineTuneJob } from '../../../../operator/job/observed/fine-tune-job.ts';
import { conditionOf, isTrue } from '../../../../operator/runtime/conditions.ts';
import { metaOf } from '../../kube/objects.ts';
import type { Tree } from '../../kube/patches.ts';
import { violations } from '../../restricted-profile.ts';
import { check } from '../invariants.ts';
import { labelsOf } from '../job-controller.ts';
import type { PoolWorld } from './world.ts';

export class PoolAccount {
  readonly #world: PoolWorld;
  #foreign: readonly { readonly at: Place; readonly was: string }[];
  /** By UID: how the job ended. */
  readonly #ends = new Map<string, string>();
  #writes = 0;

  constructor(world: PoolWorld, foreign: readonly Place[]) {
    this.#world = world;
    this.#foreign = foreign.map((at) => ({ at, was: bodyOf(world.objects.find(at)) }));
  }

  get ends(): readonly string[] {
    return [...this.#ends.values()];
  }

  /** Its owner takes it away. */
  leaves(at: Place): void {
    this.#world.objects.delete(at, undefined);
    this.#foreign = this.#foreign.filter((each) => each.at !== at);
  }

  /** Throws the first sentence of what does not hold. */
  holds(): void {
    this.#holdOfProcesses();
    this.#holdOfForeign();
    this.#holdOfWrites();
    for (const job of this.#world.jobs) this.#holdOfJob(job);
    this.#holdOfPool();
  }

  #holdOfProcesses(): void {
    const { cluster } = this.#world;
    const { running } = cluster;
    check(running.length <= 1, `${running.length} pods of the pool run at once`);
    const working = new Set(cluster.working);
    for (const uid of running.flatMap(({ process }) => process.runs)) {
      check(!working.has(uid), 'a job is prepared or published while the pool trains it');
    }
  }

  #holdOfForeign(): void {
    for (const { at, was } of this.#foreign) {
      const is = bodyOf(this.#world.objects.find(at));
      check(is === was, `${at.collection} of somebody else changed`);
    }
  }

  #holdOfWrites(): void {
    const { writes } = this.#world.transport;
    for (const { path, body } of writes.slice(this.#writes)) {
      check(!path.includes('/secrets'), 'a Secret was written');
      const { spec } = (body ?? {}) as { spec?: { template?: { spec?: V1PodSpec } } };
      const found = spec?.template?.spec === undefined ? [] : violations(spec.template.spec);
      check(found.length === 0, `a pod violates the restricted profile: ${found.join(', ')}`);
    }
    this.#writes = writes.length;
  }

  #holdOfJob(job: ObservedFineTuneJob): void {
    const { metadata, status } = job;
    const { conditions = [] } = status;
    const { uid } = metadata;
    const folder = this.#world.folders.of(uid);
    if (isTrue(conditions, 'Suspended')) {
      // A pool that was removed tells nobody how long its pod saves.
      const pool = this.#world.pool?.metadata.uid;
      const has = this.#world.cluster.running
        .filter((pod) => pod.pool === pool)
        .flatMap(({ process }) => process.runs)
        .includes(uid);
      check(!has, 'a job is told to be suspended while the pool has it');
    }
    const complete = isTrue(conditions, 'Complete');
    const failed = isTrue(conditions, 'Failed');
    const end = complete ? 'Succeeded' : failed ? String(status.failure?.reason) : undefined;
    const before = this.#ends.get(uid);
    if (before !== undefined) check(end === before, `the end changed from ${before} to ${end}`);
    if (end === undefined || before !== undefined) return;
    this.#ends.set(uid, end);
    if (complete) check(folder.isTrained, 'a job succeeded that was never trained');
    else {
      const isDeserved = end === 'Diverged' && folder.hasDiverged;
      check(isDeserved, `a job failed of ${end}, ${conditionOf(conditions, 'Failed')?.message}`);
    }
  }

  #holdOfPool(): void {
    const { jobs = [], conditions = [] } = this.#world.pool?.status ?? {};
    check(new Set(jobs.map(({ uid }) => uid)).size === jobs.length, 'a job is told of twice');
    for (const { uid, state } of jobs) {
      const { isTrained, hasDiverged } = this.#world.folders.of(uid);
      check(state !== 'Trained' || isTrained, 'a job is told to be trained, and is not');
      check(state !== 'Failed' || hasDiverged, 'a job is told to have failed, and has not');
    }
    for (const { type, reason } of conditions) {
      check(reason !== '', `${type} has no reason`);
    }
  }

  /** After pool and jobs were deleted. */
  nothingIsLeft(): void {
    const { objects, bus } = this.#world;
    const own = (object: Tree) =>
      [label.jobUid, label.poolUid].some((key) => key in labelsOf(object));
    const theirs = new Set(this.#foreign.map(({ at }) => at.name));
    const left = [...kinds].flatMap((collection) =>
      objects
        .all(collection)
        .filter((each) => own(each) && !theirs.has(String(metaOf(each)['name'])))
        .map((each) => `${collection}/${metaOf(each)['name']}`),
    );
    check(left.length === 0, `${left.join(', ')} is left`);
    check((bus?.jobs() ?? []).length === 0, 'records of jobs are left on the bus');
    check(this.#world.cluster.running.length === 0, 'a process is left');
  }
}

interface Place {
  readonly collection: string;
  readonly namespace: string;
  readonly name: string;
}

const kinds = [
  'apis/anneal.dev/v1alpha1/trainingpools',
  ...['jobs'].map((kind) => `apis/batch/v1/${kind}`),
  ...['pods', 'services', 'configmaps'].map((kind) => `api/v1/${kind}`),
  'apis/networking.k8s.io/v1/networkpolicies',
] as const;

/** What of it is its owner's; the Job controller may look at it as it does at any. */
function bodyOf(object: Tree | undefined): string {
  return JSON.stringify([object?.['spec'], object?.['data'], object && labelsOf(object)]);
}
