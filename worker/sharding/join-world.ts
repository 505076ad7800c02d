// Joins the world that the trainer's record names.
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { WorkerConfig } from '../config.ts';
import { alone, type World } from '../engine/world.ts';
import type { Device } from '../tensor/device.ts';
import { ncclUse } from './nccl-use.ts';
import { ProcessGroup } from './process-group.ts';
import { worldOf } from './world.ts';

export interface JoinedWorld extends Disposable {
  readonly world: World;
  /** Null for a single process. */
  readonly group: ProcessGroup | null;
}

/** The world of one worker. */
export const joinedAlone: JoinedWorld = { world: alone, group: null, [Symbol.dispose]() {} };

/** Blocks until all ranks have joined. `device` is where this rank computes. */
export function joinWorld(
  { member, variables }: Pick<WorkerConfig, 'member' | 'variables'>,
  device: Device,
  emit: (message: TelemetryBody) => void,
): JoinedWorld {
  const nccl = ncclUse(variables);
  if (member === undefined || member.size === 1) return joinedAlone;
  const { group: name, rank, size, store, address, timeoutMs } = member;
  const group = ProcessGroup.join({ name, rank, size, store, address, timeoutMs, device, nccl });
  const { deviceExchange } = group;
  if (deviceExchange?.by === 'Gloo' && rank === 0) {
    const message = `devices exchange through memory of the host: ${deviceExchange.why}`;
    emit({ type: 'warning', reason: 'NoNCCL', message });
  }
  return { world: worldOf(group), group, [Symbol.dispose]: () => group.leave() };
}
