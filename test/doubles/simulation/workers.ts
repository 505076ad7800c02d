// What supervisors do on the bus, as far as the operator can see it: join a generation, commit a world when all are there, acknowledge a stop.
import { timeText } from '../../../operator/runtime/conditions.ts';
import { metaOf } from '../kube/objects.ts';
import { indexOf, labelsOf, podsAt, statusOf } from './job-controller.ts';
import type { MemoryBus } from './memory-bus.ts';
import type { World } from './world.ts';

export function workersMeet(world: World, bus: MemoryBus): void {
  for (const job of bus.jobs()) {
    const records = bus.of(job);
    const { state, desired } = records;
    if (state === undefined || state.result !== undefined) continue;
    const running = world.objects
      .all(podsAt)
      .filter(
        (pod) => metaOf(pod)['namespace'] === job.namespace && statusOf(pod).phase === 'Running',
      )
      .filter((pod) => labelsOf(pod)['anneal.dev/worker-epoch'] === String(state.epoch));
    if (state.world === undefined) {
      for (const pod of running) {
        const index = indexOf(pod);
        if (records.members.has(index)) continue;
        records.members.set(index, {
          ...{
            v: 1,
            podUID: String(metaOf(pod)['uid']),
            podIP: '10.0.0.1',
            node: 'n',
            devices: [],
          },
          ...{ memorySteps: [], bootAt: timeText(world.time), protocol: [1, 1] },
        });
      }
      if (desired !== undefined && records.members.size >= desired.workers) {
        const committedAt = timeText(world.time);
        const size = records.members.size;
        records.state = { ...state, world: { key: 'k', digest: 'd', size, committedAt } };
      }
    } else if (desired?.stop === 'Save') {
      for (const [index, { podUID }] of records.members) {
        records.acks.set(index, {
          v: 1,
          podUID,
          restored: true,
          saved: 0,
          stoppedStep: 1,
          finished: false,
        });
      }
    }
  }
}
