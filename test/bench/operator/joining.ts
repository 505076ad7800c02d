// Plays the workers of all jobs on the bus: when a generation is opened and its pod runs, the pod joins and the world is agreed on.
import { label } from '../../../crds/labels.ts';
import type { Bucket, Bus } from '../../../crds/wire/bus.ts';
import { type MemberRecord, type StateRecord, stateRecord } from '../../../crds/wire/state.ts';
import { bucket, type JobOnBus, keys, parseKey } from '../../../crds/wire/subjects.ts';
import type { Transport } from '../../../operator/runtime/transport.ts';

interface Seen {
  readonly object: {
    readonly metadata?: {
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
    };
    readonly status?: { readonly phase?: string };
  };
}

interface Open {
  readonly state: StateRecord;
  readonly revision: number;
}

export async function joinAsWorkers(
  bus: Bus,
  transport: Transport,
  namespace: string,
  signal: AbortSignal,
): Promise<void> {
  const states = await bus.openBucket(bucket.state);
  /** By the UID of the job. */
  const pods = new Map<string, string>();
  const open = new Map<string, Open>();
  const meet = (job: JobOnBus): void => {
    const [pod, found] = [pods.get(job.uid), open.get(job.uid)];
    if (pod === undefined || found === undefined) return;
    open.delete(job.uid);
    // Somebody may have been faster, or the cluster may be going: then there is nothing to join.
    join(states, job, pod, found).catch(() => undefined);
  };
  const entry = (key: string, value: unknown, revision: number): void => {
    const job = parseKey(key);
    const state = stateRecord.safeParse(value).data;
    if (job?.what !== 'state' || state === undefined || state.world !== undefined) return;
    open.set(job.uid, { state, revision });
    meet(job);
  };
  const watcher = { entry, ready: () => undefined, again: () => undefined };
  const following = followPods(transport, namespace, signal, (uid, pod) => {
    pods.set(uid, pod);
    meet({ namespace, uid });
  });
  await Promise.all([states.watch('>', watcher, signal), following]);
}

async function join(states: Bucket, job: JobOnBus, podUID: string, { state, revision }: Open) {
  const now = new Date().toISOString();
  const { generation } = state;
  const member: MemberRecord = {
    ...{ v: 1, podUID, podIP: '10.200.0.1', node: 'fake-0', devices: [], memorySteps: [] },
    ...{ bootAt: now, protocol: [1, 1] },
  };
  await states.put(keys.member(job, generation, 0), member);
  const world = { key: keys.world(job, generation, 0), digest: '0', size: 1, committedAt: now };
  await states.update(keys.state(job), { ...state, world }, revision);
}

async function followPods(
  transport: Transport,
  namespace: string,
  signal: AbortSignal,
  saw: (jobUid: string, podUid: string) => void,
): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const query = { watch: true, labelSelector: `${label.component}=worker` };
  try {
    for await (const line of transport.lines({ verb: 'GET', path, query }, 600_000, signal)) {
      const { metadata, status } = (JSON.parse(line) as Seen).object;
      const job = metadata?.labels?.[label.jobUid];
      if (metadata !== undefined && job !== undefined && status?.phase === 'Running') {
        saw(job, metadata.uid);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
