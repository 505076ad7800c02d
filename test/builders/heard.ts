// What is heard of a job of a cluster: its object at several versions, what its workers say, what
// happened to its pods.
import type { Job } from '../../cli/jobs/job.ts';
import type { JobEvent } from '../../cli/jobs/job-state.ts';
import type { Heard } from '../../cli/jobs/source.ts';
import { aListedJob, holds } from './listed-job.ts';
import { messagesOfARun } from './run-messages.ts';

export function aVersion(version: number, status: Job['status']): Job {
  const object = { metadata: { resourceVersion: String(version) } };
  return aListedJob({ name: 'halo-x7k2', status, object });
}

const progress = { step: 3, totalSteps: 20, trainLoss: '2.4', tokensSeen: 6000 };
const workers = { summary: '4/4', replicas: 4, ready: 4 };
const versions = [
  aVersion(10, { phase: 'Starting', workers: { summary: '2/4', replicas: 4, ready: 2 } }),
  aVersion(11, {
    ...{ phase: 'Running', workers, progress, rendezvous: { round: 1 } },
    conditions: [holds('Running', 'Training', 'four workers train')],
  }),
  aVersion(12, {
    ...{ phase: 'Restarting', workers: { ...workers, summary: '3/4' }, progress },
    conditions: [holds('Restarting', 'PodLost', 'worker 2 left')],
    restarts: { counted: 0, disruptions: 1 },
  }),
  aVersion(13, {
    ...{ phase: 'Running', workers, rendezvous: { round: 2 } },
    progress: { ...progress, step: 9 },
    conditions: [holds('Running', 'Training', 'four workers train')],
    plan: {
      method: {
        summary: 'LoRA r=16 on all linear layers, AdamW, bfloat16',
        adapter: { type: 'LoRA', parameters: { rank: '16', alpha: '32' } },
        optimizer: { type: 'AdamW' },
      },
      memory: { peak: '61Gi' },
    },
  }),
];

const pod = { v: 1 as const, podName: 'halo-x7k2-w-2' };
const podEvents: readonly Heard[] = [
  {
    type: 'PodEvent',
    event: {
      ...pod,
      index: 2,
      time: 1010,
      type: 'Ended',
      round: 1,
      message: 'left with exit code 71',
    },
  },
  {
    type: 'PodEvent',
    event: {
      ...pod,
      index: 0,
      time: 1012,
      type: 'Restored',
      round: 2,
      message: 'restored step 3',
    },
  },
];

const heartbeats: readonly Heard[] = [0, 1, 2, 3].flatMap((index) => [
  { type: 'Heartbeat', index, heartbeat: heartbeat(1, 4 + (index === 2 ? 0 : 1)) } as const,
  { type: 'Heartbeat', index, heartbeat: heartbeat(2, index === 3 ? 7 : 9) } as const,
]);

function heartbeat(round: number, step: number) {
  return { v: 1 as const, podUID: 'p', round, step, stage: 'training' };
}

/** In the order in which they come when nothing is late. */
export function heardOfAJob(): readonly JobEvent[] {
  const heard = (one: Heard): JobEvent => ({ type: 'Heard', heard: one, at: 1020 });
  const messages = messagesOfARun().slice(0, 18);
  return [
    ...versions.map((job): JobEvent => ({ type: 'Job', job })),
    ...messages.map((message) => heard({ type: 'Message', index: 0, message })),
    ...podEvents.map(heard),
    ...heartbeats.map(heard),
  ];
}
