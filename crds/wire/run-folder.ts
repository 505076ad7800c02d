// The folder of a run: what its processes tell each other through files. `anneal run` makes it and
// starts prepare, train and publish on it, one process each; on a cluster the same files lie on the
// volume of the job. Each file is written once by one process, then renamed into place.
//
//   run.json        who, what, where            `anneal run`
//   prepared.json   model and tokens, ready     prepare
//   scores.json     what blocks are drawn by    train, where the method has such
//   initial/        what adapters begin with    train, where the method has such
//                   what a teacher said         train, where the job distills
//   checkpoints/    step-<n>                    train
//   trained.json    the report of the training train
//   tensorboard/    event files, where the job asks for them       train
//   telemetry.jsonl every message, in order; of a long run not every step: worker/telemetry/emit.ts
//                                               prepare, train, publish: one after the other
//   report.json     the run report              publish
//   outcome.json    how the run ended           `anneal run`
//   run.lock        the one that owns the run   `anneal run`, while it lasts
//   worker.lock     the one that works in it    each stage, while it lasts; of several trainers the
//                                               first, and the others in <rank>.worker.lock
import * as z from 'zod';
import { fineTuneJobSpec } from '../api/job.ts';
import { deviceName } from './device.ts';
import { federatedRun } from './federation.ts';
import { runReport } from './run-report.ts';

export const runFiles = {
  run: 'run.json',
  prepared: 'prepared.json',
  scores: 'scores.json',
  trained: 'trained.json',
  telemetry: 'telemetry.jsonl',
  tensorboard: 'tensorboard',
  report: 'report.json',
  outcome: 'outcome.json',
  initial: 'initial',
  checkpoints: 'checkpoints',
  runLock: 'run.lock',
  workerLock: 'worker.lock',
} as const;

export const runRecord = z.object({
  version: z.literal(1),
  name: z.string(),
  namespace: z.string(),
  /** Folder that relative `local` paths count from. */
  folder: z.string(),
  spec: fineTuneJobSpec,
  /** Digest of what decides the result; a run is only resumed with the same one. */
  digest: z.string(),
  /** Folders that stand for claims, by claim name. */
  volumes: z.record(z.string(), z.string()),
  cache: z.string(),
  /**
   * Where training computes; with several trainers, that of the first. Not part of the digest:
   * checkpoints are the same on all devices, so a run may be resumed on another one. Its losses
   * then differ in their last bits from those of a run that stayed.
   */
  device: deviceName,
  /** What is sold as this device, such as `NVIDIA H100 80GB HBM3`; absent for a processor. */
  deviceProduct: z.string().max(200).optional(),
  /** Of each worker. */
  threads: z.int().min(1),
  /** Trainers that share the model; one where nothing is said. */
  workers: z.int().min(1).optional(),
  createdAt: z.string(),
  /**
   * Folder for event files, where it is not in that of the run: a round of workers adds to those of
   * the one before.
   */
  tensorboard: z.string().optional(),
  /** Folder of the initial factors, where it is elsewhere: rounds of workers share it. */
  initial: z.string().optional(),
  /** Where it is a part of a federation. */
  federated: federatedRun.optional(),
});

export type RunRecord = z.output<typeof runRecord>;

export const scoresRecord = z.object({
  version: z.literal(1),
  /** Of the model, the data and the settings that they were computed from. */
  digest: z.string(),
  /** By block, first to last. */
  scores: z.array(z.number()),
});

export const preparedRecord = z.object({
  version: z.literal(1),
  /** Digest of what was asked for; absent of a run of an earlier version. */
  request: z.string().optional(),
  model: z.object({
    /** Folder or file that holds the weights. */
    path: z.string(),
    /** What people call it: a repository, a file name. */
    name: z.string(),
    digest: z.string(),
    /** SHA-256 of its `pruning.json`, where it was cut out of another model. */
    pruning: z.string().optional(),
  }),
  data: z.object({
    /** Folder of the token store; absent of a job along trajectories. */
    train: z.string().optional(),
    /** Store of the evaluation records where the job names some of its own. */
    evaluation: z.string().optional(),
    digest: z.string(),
    samples: z.int(),
    heldOutSamples: z.int(),
    /** Records left out, by reason. */
    skipped: z.record(z.string(), z.int()),
    tokens: z.int(),
    targetTokens: z.int(),
    /** Tokens of the text of each class, where pictures are compared with these. */
    classTexts: z.array(z.array(z.int())).optional(),
  }),
});

export type PreparedRecord = z.output<typeof preparedRecord>;

export const trainedRecord = z.object({
  version: z.literal(1),
  /** Digest of what was asked for; absent of a run of an earlier version. */
  request: z.string().optional(),
  /** Folder of the checkpoint of the last step, from which training would go on. */
  checkpoint: z.string(),
  /** Folder of the checkpoint that is published, where it is not the last one. */
  result: z.string().optional(),
  /**
   * Of the held-out documents, in order: sums of the loss before the first step. Absent of a run of
   * an earlier version.
   */
  baseline: z.array(z.number().nullable()).optional(),
  /** The run report, still without artefacts. */
  report: runReport,
});

export type TrainedRecord = z.output<typeof trainedRecord>;

export const outcomeRecord = z.object({
  version: z.literal(1),
  state: z.enum(['Complete', 'Failed', 'Stopped']),
  code: z.string().optional(),
  message: z.string().optional(),
  hint: z.string().optional(),
  endedAt: z.string(),
});

export type OutcomeRecord = z.output<typeof outcomeRecord>;
