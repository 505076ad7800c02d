// The place of a pod among those that train, as the committed world says it: its trainers are ranks
// that follow each other. Pure.
import { digestOf } from '../../crds/plan/digest.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import type { WorldRecord } from '../../crds/wire/state.ts';
import { partsOf, type Records } from './records.ts';
import type { Situation } from './situation.ts';

export interface RankAssignment {
  /** Of the first trainer of this pod. */
  readonly rank: number;
  /** Of this pod: one for each of its devices. */
  readonly trainers: number;
  /** Trainers of all pods. */
  readonly size: number;
  readonly pods: number;
  /** Index of the pod of rank 0. */
  readonly first: number;
  /** Where rank 0 serves the store by which the ranks find each other. */
  readonly store: { readonly host: string; readonly port: number };
  /** Trainers on this pod's node, its own included. */
  readonly neighbours: number;
}

/**
 * Members of the present round's world; undefined while it is not agreed on, or its list was not
 * told yet.
 */
export function worldIn({ state, worlds }: Records): WorldRecord | undefined {
  const { world } = state?.record ?? {};
  if (world === undefined) return undefined;
  const list = worlds.get(partsOf(world.key).suffix)?.record;
  return list !== undefined && digestOnce(list) === world.digest ? list : undefined;
}

/** A list never changes, and every policy of a decision asks for the world. */
const digests = new WeakMap<WorldRecord, string>();

function digestOnce(list: WorldRecord): string {
  const digest = digests.get(list) ?? digestOf(list);
  digests.set(list, digest);
  return digest;
}

/** Undefined for a pod that the world does without: a newcomer, or one that is to go. */
export function assignmentIn({
  records,
  me,
}: Pick<Situation, 'records' | 'me'>): RankAssignment | undefined {
  const world = worldIn(records);
  const mine = world?.members.find(({ index }) => index === me.index);
  if (world === undefined || mine?.podUID !== me.podUID) return undefined;
  const [first = 0] = world.order;
  const before = world.order.slice(0, world.order.indexOf(me.index));
  const isBefore = ({ index }: Listed) => before.includes(index);
  return {
    rank: trainersOf(world.members.filter(isBefore)),
    trainers: trainersOf([mine]),
    size: trainersOf(world.members),
    pods: world.members.length,
    first,
    store: { host: world.master, port: world.port },
    neighbours: trainersOf(world.members.filter(({ node }) => node === mine.node)),
  };
}

type Listed = WorldRecord['members'][number];

function trainersOf(members: readonly Listed[]): number {
  return members.reduce((sum, { devices }) => sum + trainersOfPod(devices), 0);
}

/** The other members of this pod's world; none for a pod that the world does without. */
export function othersIn({ records, me }: Pick<Situation, 'records' | 'me'>) {
  if (assignmentIn({ records, me }) === undefined) return [];
  return worldIn(records)?.members.filter(({ index }) => index !== me.index) ?? [];
}

/** Whether this pod speaks for all. */
export function isFirst(situation: Pick<Situation, 'records' | 'me'>): boolean {
  return assignmentIn(situation)?.rank === 0;
}

/** ` as rank 1 of 2`; nothing for the only one. */
export function ranksInWords({ rank, trainers, size }: RankAssignment): string {
  if (size === 1) return '';
  if (trainers === 1) return ` as rank ${rank} of ${size}`;
  return ` as ranks ${rank} to ${rank + trainers - 1} of ${size}`;
}
