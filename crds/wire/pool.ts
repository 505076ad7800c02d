// What the pod of a TrainingPool is told, by a variable and by a list that changes while it runs,
// and what it answers when it is asked how its jobs are.
import * as z from 'zod';
import { packedState, trainingEnd } from '../api/training-pool.ts';
import { mostPacked } from '../names/most-packed.ts';
import { evaluationMessage, stepMessage } from './telemetry.ts';

/** JSON of `podPool`. */
export const poolVariable = 'ANNEAL_POOL';

export const podPool = z.object({
  name: z.string(),
  namespace: z.string(),
  /** Folder of the claim that all jobs share. */
  root: z.string(),
  /** By claim, the folder where it is mounted. */
  volumes: z.record(z.string(), z.string()),
  /** File with the list of jobs. */
  list: z.string(),
  /** Jobs at one time. */
  jobs: z.int().min(1).max(mostPacked),
  devices: z.int().min(0).max(1),
  threads: z.int().min(1).optional(),
  /** Where it is asked. */
  port: z.int(),
  /** Time to save before it is killed. */
  graceSeconds: z.int(),
});

export type PodPool = z.output<typeof podPool>;

/** Where kubelet puts the list. */
export const poolList = { folder: '/etc/anneal/pool', file: 'jobs.json' } as const;

export const poolPort = 8000;
export const poolPath = '/jobs';

const listed = z.object({
  name: z.string().min(1),
  uid: z.string().min(8),
  /** Text of the plan: plan-record.ts. */
  plan: z.string(),
  planDigest: z.string(),
  /** Fields that may change. */
  live: z.unknown(),
});

export type ListedJob = z.output<typeof listed>;

/** `uid/generation`: the pod is to have let the job go, and says that it has seen so. */
const leaving = z.array(z.string().max(128)).max(1024);

export const listedJobs = z.object({
  jobs: z.array(listed).max(mostPacked),
  leaving: leaving.default([]),
});

export type PoolList = z.output<typeof listedJobs>;

const told = z.object({
  uid: z.string(),
  state: packedState,
  message: z.string().max(2048).optional(),
  code: z.string().max(64).optional(),
  reason: trainingEnd.optional(),
  step: stepMessage.optional(),
  evaluation: evaluationMessage.optional(),
});

export const poolAnswer = z.object({
  v: z.literal(1),
  jobs: z.array(told).max(4 * mostPacked),
  /** Of the list that it follows; pods of versions before say nothing. */
  leaving: leaving.optional(),
});

export type PoolAnswer = z.output<typeof poolAnswer>;

export type ToldJob = z.output<typeof told>;
