// What each trainer of a pod is told of the world: its rank, its device, and where all meet.
import type { DeviceName } from '../../crds/wire/device.ts';
import { type MemberRecord, memberVariable } from '../../crds/wire/member.ts';
import type { ControlGroup } from './control-group.ts';
import type { RankAssignment } from './rank-assignment.ts';
import type { TrainerName } from './trainer-name.ts';

export interface Membership {
  readonly assignment: Omit<RankAssignment, 'first' | 'pods'>;
  /** Of the process group: no other group has ever had it. */
  readonly group: string;
  readonly round: number;
  /** Of this pod, as the others reach it. */
  readonly address: string;
  readonly onDevices: boolean;
  readonly timeoutMs: number;
}

/** Of a pod, as its trainers know them. */
export function deviceNames(count: number): readonly DeviceName[] {
  return Array.from({ length: count }, (_, place): DeviceName => `cuda:${place}`);
}

/** By their places in the pod; undefined for a trainer that is the only one of its pod. */
export function namesOf({
  assignment: { rank, trainers },
  onDevices,
}: Pick<Membership, 'assignment' | 'onDevices'>): readonly (TrainerName | undefined)[] {
  if (trainers === 1) return [undefined];
  const devices = deviceNames(onDevices ? trainers : 0);
  return Array.from({ length: trainers }, (_, place) => ({
    ...{ rank: rank + place, device: devices[place] },
  }));
}

/** Variables for the trainer at this place; one by itself needs none. */
export function memberVariables(
  { assignment, onDevices, ...common }: Membership,
  place: number,
  limits: ControlGroup,
): Readonly<Record<string, string>> {
  const { rank, trainers, size, store, neighbours } = assignment;
  if (size === 1) return {};
  const member: MemberRecord = {
    ...common,
    ...{ rank: rank + place, size, store },
    // A pod that has a limit of its own shares it with no other pod.
    neighbours: limits.memoryLimit() === undefined ? neighbours : trainers,
    ...(onDevices ? { device: `cuda:${place}` } : {}),
  };
  return { [memberVariable]: JSON.stringify(member) };
}
