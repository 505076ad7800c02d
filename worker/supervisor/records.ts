// What the bus says of one job, folded from the changes of its keys. Pure: the same changes give
// the same records, in whatever order keys of different names come.
import type * as z from 'zod';
import {
  type AckRecord,
  ackRecord,
  type DesiredRecord,
  desiredRecord,
  type MemberRecord,
  memberRecord,
  type StateRecord,
  stateRecord,
  type WorldRecord,
  worldRecord,
} from '../../crds/wire/state.ts';
import { parseKey } from '../../crds/wire/subjects.ts';

/** A record, and the revision that a write which replaces it must name. */
interface Stored<T> {
  readonly record: T;
  readonly revision: number;
}

export interface KeyEntry {
  readonly key: string;
  /** As JSON said it; undefined where it was no JSON. */
  readonly value: unknown;
  readonly revision: number;
}

/** What a watch tells. `All` replaces whatever was known: the start, and each reconnect. */
export type Change =
  | { readonly type: 'All'; readonly entries: readonly KeyEntry[] }
  | { readonly type: 'Put'; readonly entry: KeyEntry }
  | { readonly type: 'Gone'; readonly key: string };

/** `round.index` in the maps. */
export interface Records {
  readonly state?: Stored<StateRecord> | undefined;
  readonly desired?: Stored<DesiredRecord> | undefined;
  readonly members: ReadonlyMap<string, Stored<MemberRecord>>;
  readonly acks: ReadonlyMap<string, Stored<AckRecord>>;
  /**
   * Lists of members, by the round and the index of the pod that wrote them; only the one that the
   * state record names counts.
   */
  readonly worlds: ReadonlyMap<string, Stored<WorldRecord>>;
  /** Keys that hold something that this version cannot read. */
  readonly unreadable: readonly string[];
}

export const noRecords: Records = {
  members: new Map(),
  acks: new Map(),
  worlds: new Map(),
  unreadable: [],
};

export function memberKey(round: number, index: number): string {
  return `${round}.${index}`;
}

export function foldRecords(before: Records, change: Change): Records {
  switch (change.type) {
    case 'All':
      return change.entries.reduce(withEntry, noRecords);
    case 'Put':
      return withEntry(before, change.entry);
    case 'Gone':
      return without(before, change.key);
    default:
      return change satisfies never;
  }
}

function withEntry(before: Records, entry: KeyEntry): Records {
  const { kind, suffix } = partsOf(entry.key);
  const others = before.unreadable.filter((key) => key !== entry.key);
  const lost: Records = { ...before, unreadable: [...others, entry.key] };
  const readable: Records = { ...before, unreadable: others };
  switch (kind) {
    case 'state': {
      const state = parsed(stateRecord, entry);
      return state === undefined ? lost : { ...readable, state: newer(before.state, state) };
    }
    case 'desired': {
      const desired = parsed(desiredRecord, entry);
      if (desired === undefined) return lost;
      return { ...readable, desired: newer(before.desired, desired) };
    }
    case 'member': {
      const member = parsed(memberRecord, entry);
      if (member === undefined) return lost;
      return { ...readable, members: withNewer(before.members, suffix, member) };
    }
    case 'ack': {
      const ack = parsed(ackRecord, entry);
      return ack === undefined ? lost : { ...readable, acks: withNewer(before.acks, suffix, ack) };
    }
    case 'world': {
      const world = parsed(worldRecord, entry);
      if (world === undefined) return lost;
      return { ...readable, worlds: withNewer(before.worlds, suffix, world) };
    }
    default:
      // Other keys belong to newer versions.
      return before;
  }
}

/**
 * Our own write is folded at once; the watch tells of it later, when a newer one may be known
 * already.
 */
function newer<T>(known: Stored<T> | undefined, found: Stored<T>): Stored<T> {
  return known !== undefined && known.revision > found.revision ? known : found;
}

function withNewer<T>(
  known: ReadonlyMap<string, Stored<T>>,
  suffix: string,
  found: Stored<T>,
): ReadonlyMap<string, Stored<T>> {
  return new Map(known).set(suffix, newer(known.get(suffix), found));
}

function without(before: Records, key: string): Records {
  const { kind, suffix } = partsOf(key);
  const unreadable = before.unreadable.filter((each) => each !== key);
  if (kind === 'state') return { ...before, unreadable, state: undefined };
  if (kind === 'desired') return { ...before, unreadable, desired: undefined };
  const members = new Map(before.members);
  const acks = new Map(before.acks);
  const worlds = new Map(before.worlds);
  if (kind === 'member') members.delete(suffix);
  if (kind === 'ack') acks.delete(suffix);
  if (kind === 'world') worlds.delete(suffix);
  return { ...before, unreadable, members, acks, worlds };
}

/** What a key is of, and the round and index that follow. */
export function partsOf(key: string): { readonly kind: string; readonly suffix: string } {
  const [kind = '', ...suffix] = (parseKey(key)?.what ?? '').split('.');
  return { kind, suffix: suffix.join('.') };
}

function parsed<S extends z.ZodType>(schema: S, entry: KeyEntry): Stored<z.output<S>> | undefined {
  const found = schema.safeParse(entry.value);
  return found.success ? { record: found.data, revision: entry.revision } : undefined;
}
