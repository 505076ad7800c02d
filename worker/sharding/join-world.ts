// Joins the world that the trainer's record names.
import type { MemberRecord } from '../../crds/wire/member.ts';
import { alone, type World } from '../engine/world.ts';
import { ProcessGroup } from './process-group.ts';
import { worldOf } from './world.ts';

export interface JoinedWorld extends Disposable {
  readonly world: World;
  /** Null for a single process. */
  readonly group: ProcessGroup | null;
}

/** Blocks until all ranks have joined. */
export function joinWorld(member: MemberRecord | undefined): JoinedWorld {
  if (member === undefined || member.size === 1) {
    return { world: alone, group: null, [Symbol.dispose]() {} };
  }
  const { group: name, rank, size, store, address, timeoutMs } = member;
  const group = ProcessGroup.join({ name, rank, size, store, address, timeoutMs });
  return { world: worldOf(group), group, [Symbol.dispose]: () => group.leave() };
}
