// What supervisors do on the bus, as far as the operator can see it: join a round, commit a world
// when all are there, mend in place, save, acknowledge a stop. The records they write are made by
// the supervisor's own functions.
import type { FailurePolicy } from '../../../crds/api/policy.ts';
import { countRestart, overdrawn } from '../../../crds/plan/restart-account.ts';
import type { RendezvousCause } from '../../../crds/wire/rendezvous-causes.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { withCheckpoint, withRound, withWorld } from '../../../worker/supervisor/state-changes.ts';
import { metaOf } from '../kube/objects.ts';
import { indexOf, labelsOf, podsAt, statusOf } from './job-controller.ts';
import type { MemoryBus } from './memory-bus.ts';
import type { World } from './world.ts';

export function workersRendezvous(world: World, bus: MemoryBus): void {
  if (bus.awaySince !== undefined) return;
  for (const job of bus.jobs()) {
    const records = bus.of(job);
    const { state, desired } = records;
    if (state === undefined || state.result !== undefined) continue;
    const running = world.objects
      .all(podsAt)
      .filter(
        (pod) => metaOf(pod)['namespace'] === job.namespace && statusOf(pod).phase === 'Running',
      )
      .filter(
        (pod) => labelsOf(pod)['anneal.dev/worker-revision'] === String(state.workerRevision),
      );
    if (state.world === undefined) {
      for (const pod of running) {
        const index = indexOf(pod);
        if (records.members.has(index)) continue;
        records.members.set(index, {
          ...{
            v: 1,
            podUID: String(metaOf(pod)['uid']),
            podIP: '10.0.0.1',
            port: 0,
            node: 'n',
            devices: [],
          },
          ...{ copyPort: 0, copies: [], bootAt: timeText(world.time), protocol: [1, 1] },
        });
      }
      if (desired !== undefined && records.members.size >= desired.workers) {
        const { size } = records.members;
        records.state = withWorld(state, { key: 'k', digest: 'd', size }, timeText(world.time));
      }
    } else if (desired?.stop === 'Save') {
      for (const [index, { podUID }] of records.members) {
        records.acks.set(index, {
          v: 1,
          podUID,
          opened: false,
          restored: true,
          saved: 0,
          stoppedStep: 1,
          finished: false,
        });
      }
    }
  }
}

export type Mending = Extract<
  RendezvousCause,
  'ProcessFailed' | 'Hang' | 'OutOfMemory' | 'Requested' | 'Disruption' | 'PodLost'
>;

/**
 * A training process ended badly, and its supervisor does what the account of restarts lets it do.
 */
export function workersMend(
  world: World,
  bus: MemoryBus,
  cause: Mending,
  policy: FailurePolicy,
): void {
  for (const job of bus.jobs()) {
    const records = bus.of(job);
    const { state } = records;
    if (state?.world === undefined || state.result !== undefined) continue;
    const counts = cause === 'ProcessFailed' || cause === 'Hang';
    const restarts = counts
      ? countRestart(state.restarts, cause, world.time, policy)
      : state.restarts;
    const end = counts ? overdrawn(restarts, policy, 'it ended badly') : undefined;
    if (end !== undefined) {
      const reason = end.code === 'E_NO_PROGRESS' ? 'NoProgress' : 'RestartBudgetExhausted';
      records.state = { ...state, result: { type: 'Failed', reason, ...end } };
      continue;
    }
    const opened = { by: 'worker-0', cause, at: timeText(world.time) };
    records.state = withRound(state, opened, { restarts });
    records.members.clear();
    records.acks.clear();
  }
}

/**
 * A checkpoint of the world that trains; its step is beyond the last one. False where none does.
 */
export function workersSave(world: World, bus: MemoryBus): boolean {
  let isSaved = false;
  for (const job of bus.jobs()) {
    const records = bus.of(job);
    const { state } = records;
    if (state?.world === undefined || state.result !== undefined) continue;
    const { round } = state;
    const step = (state.checkpoint?.step ?? 0) + 1;
    const time = timeText(world.time);
    records.state = withCheckpoint(
      state,
      { step, round, manifest: `step-${step}/round-${round}`, digest: 'd', time },
      undefined,
    );
    // As the other manager of the status does, which is no part of a reconcile.
    world.mirrorCheckpoint({ latestStep: step, round, latestDigest: 'd', latestTime: time });
    isSaved = true;
  }
  return isSaved;
}
