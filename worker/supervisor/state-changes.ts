// The changes that a supervisor makes to the state record. Pure: from the record as it was read to
// the one that is to replace it; the compare-and-set around them is what fences a pod that does not
// know yet that it was replaced.
import { trainersOfPod } from '../../crds/plan/world.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type {
  CheckpointHead,
  MemberRecord,
  StateRecord,
  WorldRecord,
} from '../../crds/wire/state.ts';
import { chooseCopy } from './copies/choose-copy.ts';
import type { Failure } from './end-of-child.ts';
import type { Change, TrainingResult } from './situation.ts';

export function withRound(
  state: StateRecord,
  opened: { readonly by: string; readonly cause: RendezvousCause; readonly at: string },
  change: Change,
): StateRecord {
  const { world: _, ...rest } = state;
  return { ...rest, ...change, round: state.round + 1, opened };
}

export interface FoundMember {
  readonly index: number;
  readonly member: MemberRecord;
}

/**
 * Who is in the world, what it goes on from where that is not the committed checkpoint, and in
 * which order: by node, so that neighbours in the order are near each other, then by index.
 */
export function worldOf(
  members: readonly FoundMember[],
  head: StateRecord['checkpoint'],
): WorldRecord {
  const ordered = members.toSorted(
    (a, b) => compare(a.member.node, b.member.node) || a.index - b.index,
  );
  const restore = chooseCopy(
    ordered.map(({ index, member: { devices, copies } }) => ({
      ...{ index, copies },
      trainers: trainersOfPod(devices.length),
    })),
    head,
  );
  return {
    v: 1,
    members: members.map(({ index, member }) => ({
      ...{ index, podUID: member.podUID, podIP: member.podIP, node: member.node },
      ...{ devices: member.devices.length, copyPort: member.copyPort },
    })),
    order: ordered.map(({ index }) => index),
    master: ordered[0]?.member.podIP ?? '',
    port: ordered[0]?.member.port ?? 0,
    ...(restore === undefined ? {} : { restore }),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function withWorld(
  state: StateRecord,
  world: { readonly key: string; readonly digest: string; readonly size: number },
  at: string,
): StateRecord {
  return { ...state, world: { ...world, committedAt: at } };
}

/** A checkpoint beyond the last one is progress: what went wrong before it counts no longer. */
export function withCheckpoint(
  state: StateRecord,
  head: CheckpointHead,
  recoverySeconds: number | undefined,
): StateRecord {
  const { lastCause: _, ...kept } = state.restarts;
  const progressed = head.step > (state.checkpoint?.step ?? 0);
  return {
    ...state,
    checkpoint: head,
    restarts: {
      ...(progressed ? { ...kept, sinceCommit: 0, repeats: 0 } : state.restarts),
      ...(recoverySeconds === undefined ? {} : { lastRecoverySeconds: recoverySeconds }),
    },
  };
}

export function withSuccess(state: StateRecord, { reason, step }: TrainingResult): StateRecord {
  return { ...state, result: { type: 'Succeeded', reason, step } };
}

export function withFailure(state: StateRecord, failure: Failure, index: number): StateRecord {
  const { code, reason, message, step, exitCode } = failure;
  return {
    ...state,
    result: {
      ...{ type: 'Failed', code, reason, message: message.slice(0, 2048), index, exitCode },
      ...(step === undefined ? {} : { step }),
    },
  };
}
