// The place of a pod among those that train, as the committed world says it. Pure.
import { digestOf } from '../../crds/plan/digest.ts';
import type { WorldRecord } from '../../crds/wire/state.ts';
import { partsOf, type Records } from './records.ts';
import type { Situation } from './situation.ts';

export interface RankAssignment {
  readonly rank: number;
  readonly size: number;
  /** Index of the pod of rank 0. */
  readonly first: number;
  /** Where rank 0 serves the store by which the ranks find each other. */
  readonly store: { readonly host: string; readonly port: number };
  /** Members on this pod's node, itself included. */
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
  return {
    rank: world.order.indexOf(me.index),
    size: world.order.length,
    first,
    store: { host: world.master, port: world.port },
    neighbours: world.members.filter(({ node }) => node === mine.node).length,
  };
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
