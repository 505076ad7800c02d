// The situation of a worker pod, from the smallest one by changes.
import type { FailurePolicy } from '../../crds/api/policy.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import {
  type AckRecord,
  ackRecord,
  type DesiredRecord,
  type MemberRecord,
  type StateRecord,
  stateRecord,
  type WorldRecord,
  worldRecord,
} from '../../crds/wire/state.ts';
import { noRecords, type Records } from '../../worker/supervisor/records.ts';
import type { Situation, TrainerState } from '../../worker/supervisor/situation.ts';
import { aSpec } from './job.ts';

export const startMs = Date.parse('2026-01-01T00:00:00Z');

export function aState(changes: Partial<StateRecord> = {}): StateRecord {
  return stateRecord.parse({
    v: 1,
    workerRevision: 1,
    round: 1,
    opened: { by: 'operator', cause: 'Start', at: new Date(startMs).toISOString() },
    ...changes,
  });
}

/** Those pods on node 1, in the order of their indexes. */
export function aList(...podUIDs: readonly string[]): WorldRecord {
  const members = podUIDs.map((podUID, index) => ({
    ...{ index, podUID, podIP: `10.0.0.${index + 1}`, node: 'node-1', devices: 0 },
  }));
  const order = members.map(({ index }) => index);
  return worldRecord.parse({ v: 1, members, order, master: '10.0.0.1', port: 29_400 });
}

export const aWorld = worldOfList(aList('pod-a'));

/** What the state record says of the list that pod 0 wrote for round 1. */
export function worldOfList(list: WorldRecord): NonNullable<StateRecord['world']> {
  return {
    ...{ key: 'team-a.1.world.1.0', digest: digestOf(list), size: list.order.length },
    committedAt: new Date(startMs).toISOString(),
  };
}

export function aDesired(changes: Partial<DesiredRecord> = {}): DesiredRecord {
  return {
    ...{
      v: 1,
      workerRevision: 1,
      workers: 1,
      min: 1,
      max: 1,
      save: 0,
      stop: 'None',
      plan: 'p',
      live: {},
    },
    ...changes,
  };
}

export function aMember(podUID = 'pod-a', node = 'node-1'): MemberRecord {
  return {
    ...{
      v: 1,
      podUID,
      podIP: '10.0.0.1',
      port: 29_400,
      node,
      devices: [],
      copyPort: 0,
      copies: [],
    },
    bootAt: new Date(startMs).toISOString(),
    protocol: [1, 1],
  };
}

export function anAck(changes: Partial<AckRecord> = {}): AckRecord {
  return ackRecord.parse({ v: 1, podUID: 'pod-a', ...changes });
}

export interface RecordsOf {
  readonly state?: StateRecord | undefined;
  readonly desired?: DesiredRecord | undefined;
  readonly members?: Readonly<Record<string, MemberRecord>>;
  readonly acks?: Readonly<Record<string, AckRecord>>;
  /** The members that the state record names. */
  readonly list?: WorldRecord;
}

/** Every record at revision 7. */
export function someRecords(of: RecordsOf): Records {
  const { state, desired, members = {}, acks = {}, list = aList('pod-a') } = of;
  const revision = 7;
  const stored = <T>(map: Readonly<Record<string, T>>) =>
    new Map(Object.entries(map).map(([place, record]) => [place, { record, revision }]));
  return {
    ...noRecords,
    ...(state === undefined ? {} : { state: { record: state, revision } }),
    ...(desired === undefined ? {} : { desired: { record: desired, revision } }),
    members: stored(members),
    acks: stored(acks),
    worlds: stored({ '1.0': list }),
  };
}

export function aPolicy(changes: Partial<FailurePolicy> = {}): FailurePolicy {
  return { ...aSpec().failurePolicy, ...changes };
}

/** Pod `pod-a`, the only worker of revision 1, has just seen the first record. */
export function aSituation(changes: Partial<Situation> & RecordsOf = {}): Situation {
  const { state = aState(), desired = aDesired(), members, acks, list, ...rest } = changes;
  return {
    now: startMs + 5_000,
    me: { index: 0, podUID: 'pod-a', workerRevision: 1, bootAt: startMs + 4_000 },
    policy: aPolicy(),
    recomputesAll: false,
    busOutageMs: 900_000,
    patienceMs: 30_000,
    bus: { connected: true, since: startMs + 4_500 },
    records: someRecords({
      ...{ state, desired },
      ...(members === undefined ? {} : { members }),
      ...(acks === undefined ? {} : { acks }),
      ...(list === undefined ? {} : { list }),
    }),
    heartbeats: new Map(),
    ...{ paces: new Map(), toldPace: undefined },
    joined: 0,
    terminateBy: undefined,
    trainer: { type: 'None' },
    ...rest,
  };
}

/** Pod `pod-a` of `index`, the other is `pod-b`: both train. */
export function aPair(index: 0 | 1, changes: Parameters<typeof aSituation>[0] = {}): Situation {
  const list = index === 0 ? aList('pod-a', 'pod-b') : aList('pod-b', 'pod-a');
  return aTraining({
    me: { index, podUID: 'pod-a', workerRevision: 1, bootAt: startMs },
    state: aState({ world: worldOfList(list) }),
    desired: aDesired({ workers: 2, min: 2, max: 2 }),
    members: { [`1.${index}`]: aMember(), [`1.${1 - index}`]: aMember('pod-b') },
    acks: {
      [`1.${index}`]: anAck({ restored: true, opened: index === 0 }),
      [`1.${1 - index}`]: anAck({ podUID: 'pod-b', restored: true, opened: index === 1 }),
    },
    list,
    ...changes,
  });
}

type Running = Extract<TrainerState, { type: 'Running' }>;
type Ended = Extract<TrainerState, { type: 'Ended' }>;

export function aRunning(changes: Partial<Running> = {}): Running {
  return {
    ...{ type: 'Running', round: 1, asked: 'Nothing', save: { asked: 0, done: false } },
    ...{ since: startMs, restored: true, saved: undefined, hangsAt: startMs + 600_000 },
    ...changes,
  };
}

export function anEnded(ending: Ended['ending'], changes: Partial<Ended> = {}): Ended {
  const at = startMs + 4_900;
  return {
    ...{ type: 'Ended', round: 1, ending, at, saved: undefined, result: undefined },
    ...changes,
  };
}

/** In the world of round 1, training. */
export function aTraining(changes: Parameters<typeof aSituation>[0] = {}): Situation {
  return aSituation({
    state: aState({ world: aWorld }),
    members: { '1.0': aMember() },
    acks: { '1.0': anAck({ restored: true }) },
    joined: 1,
    trainer: aRunning(),
    ...changes,
  });
}
