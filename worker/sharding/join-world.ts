// From what a trainer was told to the world that it is a part of.
import type { MemberRecord } from '../../crds/wire/member.ts';
import { ProcessGroup } from './process-group.ts';
import { alone, type World, worldOf } from './world.ts';

interface JoinedWorld extends Disposable {
  readonly world: World;
  /** Null for a process by itself. */
  readonly group: ProcessGroup | null;
}

/** Blocks until all ranks are there. */
export function joinWorld(member: MemberRecord | undefined): JoinedWorld {
  if (member === undefined || member.size === 1) {
    return { world: alone, group: null, [Symbol.dispose]() {} };
  }
  const { group: name, rank, size, store, address, timeoutMs } = member;
  const group = ProcessGroup.join({ name, rank, size, store, address, timeoutMs });
  return { world: worldOf(group), group, [Symbol.dispose]: () => group.leave() };
}
