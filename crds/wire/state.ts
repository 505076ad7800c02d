// What workers and operator agree on through the bus: one record with one revision per job, changed
// only by compare-and-set, and the small records around it. Reading is tolerant: unknown keys are
// dropped, so that versions may differ by one.
import * as z from 'zod';
import { copyMoment } from './copies.ts';
import { rendezvousCauseNames } from './rendezvous-causes.ts';

const count = z.int().min(0);
const time = z.iso.datetime();
const version = z.literal(1);

export const checkpointHead = z.object({
  step: count,
  round: count,
  /** Where the manifest is: `step-<n>/round-<r>` below the destination. */
  manifest: z.string().max(1024),
  digest: z.string().max(71),
  time,
});

export type CheckpointHead = z.output<typeof checkpointHead>;

export const restartsRecord = z.object({
  counted: count.default(0),
  disruptions: count.default(0),
  resizes: count.default(0),
  /** Times of the counted ones, newest last; older ones than the window may be dropped. */
  window: z.array(time).max(128).default([]),
  /** Counted ones since the last committed checkpoint. */
  sinceCommit: count.default(0),
  lastCause: z.string().max(128).optional(),
  /** How often in a row it was the cause. */
  repeats: count.default(0),
  lastRecoverySeconds: z.number().min(0).optional(),
});

/** The record stays below 4 KiB. Of more the rest is told with the next round. */
export const maxLost = 24;

const failedResult = z.object({
  type: z.literal('Failed'),
  code: z.string().max(64),
  reason: z.string().max(128),
  message: z.string().max(2048),
  index: count.optional(),
  step: count.optional(),
  exitCode: count.optional(),
});

const succeededResult = z.object({
  type: z.literal('Succeeded'),
  reason: z.enum(['Finished', 'FinishedEarly']),
  step: count,
});

/**
 * `<J>.state`. World, checkpoint and result stand in one record on purpose: a commit and a new
 * round conflict on one revision, so there is no window between "am I still current" and "commit".
 * Stays below 4 KiB.
 */
export const stateRecord = z.object({
  v: version,
  workerRevision: count,
  /** Number of the world that is formed or trains. */
  round: count,
  opened: z.object({
    by: z.string().max(253),
    cause: z.enum(rendezvousCauseNames),
    at: time,
    /**
     * UIDs of pods that Kubernetes has no more. What still runs of them, on a node that is cut off,
     * joins no world again.
     */
    lost: z.array(z.string().max(64)).max(maxLost).optional(),
  }),
  /** Absent while the members of the round are not agreed on. */
  world: z
    .object({
      key: z.string().max(512),
      digest: z.string().max(64),
      size: z.int().min(1),
      committedAt: time,
    })
    .optional(),
  checkpoint: checkpointHead.optional(),
  /** Position in the data, as the worker writes it. */
  cursor: z.unknown().optional(),
  /** Steps of the memory ladder that were taken, in order. */
  adjustments: z.array(z.string().max(256)).max(32).default([]),
  restarts: restartsRecord.prefault({}),
  result: z.discriminatedUnion('type', [succeededResult, failedResult]).optional(),
});

export type StateRecord = z.output<typeof stateRecord>;

/** `<J>.world.<round>.<index>`: written before its digest enters the state record. */
export const worldRecord = z.object({
  v: version,
  members: z.array(
    z.object({
      index: count,
      podUID: z.string(),
      podIP: z.string(),
      node: z.string(),
      devices: count,
      /** At which it serves copies of the state; 0 where it does not. */
      copyPort: z.int().min(0).max(65_535).default(0),
    }),
  ),
  /** Indexes in the order of their ranks. */
  order: z.array(count),
  /** Address of rank 0, and where it serves the store by which the ranks find each other. */
  master: z.string(),
  port: z.int().min(0).max(65_535).default(0),
  /**
   * The copy in memory that it goes on from, and the index of the pod that has the part of each
   * rank; absent: the committed checkpoint.
   */
  restore: copyMoment.extend({ holders: z.array(count) }).optional(),
});

export type WorldRecord = z.output<typeof worldRecord>;

/**
 * `<J>.job`: written by the operator alone, before anything else. Without it nobody may say
 * anything about the job.
 */
export const jobRecord = z.object({
  v: version,
  name: z.string().max(253),
  /** Most that it may have; what it may say and store grows with them. */
  workers: z.int().min(1),
});

export type JobRecord = z.output<typeof jobRecord>;

/** `<J>.desired`: written by the operator alone. */
export const desiredRecord = z.object({
  v: version,
  workerRevision: count,
  workers: z.int().min(1),
  min: z.int().min(1),
  max: z.int().min(1),
  /** Raised by one to ask for a durable save while training goes on. */
  save: count,
  /** Save: save, acknowledge, wait to be removed. Now: end at once. */
  stop: z.enum(['None', 'Save', 'Now']),
  /** SHA-256 of the plan. */
  plan: z.string(),
  /** When a stop that is asked for is carried out without the workers. */
  deadline: time.optional(),
  /** Fields of the spec that may change while workers run. */
  live: z.unknown(),
});

export type DesiredRecord = z.output<typeof desiredRecord>;

/** `<J>.member.<round>.<index>`: created once by that supervisor. */
export const memberRecord = z.object({
  v: version,
  podUID: z.string(),
  podIP: z.string(),
  /** At which its trainer serves a store, where it becomes rank 0; 0 where none was told. */
  port: z.int().min(0).max(65_535).default(0),
  node: z.string(),
  devices: z.array(z.string()),
  /** At which it serves copies of the state; 0 where it does not. */
  copyPort: z.int().min(0).max(65_535).default(0),
  /** Names of the copies that it has in memory. */
  copies: z.array(z.string().max(128)).max(64).default([]),
  bootAt: time,
  /** Oldest and newest protocol that this worker speaks. */
  protocol: z.tuple([count, count]),
});

export type MemberRecord = z.output<typeof memberRecord>;

/** `<J>.ack.<round>.<index>`: what that supervisor has done of what was asked. */
export const ackRecord = z.object({
  v: version,
  podUID: z.string(),
  /** Of rank 0: the folder of the round is ready for the others. */
  opened: z.boolean().default(false),
  /** Restored and ready to train. */
  restored: z.boolean().default(false),
  /** Value of `desired.save` that is done. */
  saved: count.default(0),
  savedStep: count.optional(),
  /** Stopped as `desired.stop` asked, at this step. */
  stoppedStep: count.optional(),
  finished: z.boolean().default(false),
});

export type AckRecord = z.output<typeof ackRecord>;

/** Heard by peers and people, kept by nobody. */
export const heartbeatRecord = z.object({
  v: version,
  podUID: z.string(),
  round: count,
  step: count,
  stage: z.string().max(64),
  /** The collective that it waits in; the one that does not wait is the suspect of a hang. */
  waitingOn: z.string().max(128).optional(),
  memoryStep: count.optional(),
  /**
   * Median of the last fifty steps: milliseconds of its own work, without waiting for others.
   * Absent before there were so many.
   */
  busyMs: z.number().min(0).optional(),
  /** The same of each trainer, where the pod has several; `busyMs` is that of the slowest then. */
  busyMsByTrainer: z.array(z.number().min(0)).max(64).optional(),
});

export type HeartbeatRecord = z.output<typeof heartbeatRecord>;
