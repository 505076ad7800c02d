// The status. Written by the controller (all but progress) and the progress writer. Fractional
// numbers are decimals in strings, as everywhere.
import * as z from 'zod';
import { quantity } from '../schema/quantity.ts';
import { mapOf, text } from '../schema/text.ts';
import { conditionList, Phase } from './conditions.ts';

const count = () => z.int().min(0).optional();
const time = () => z.iso.datetime().optional();
const number = () => z.string().max(32).optional();
const words = (max: number) => z.string().max(max).optional();

const memoryPlan = z.strictObject({
  weights: quantity().optional().describe('Weights of the model and adapters.'),
  optimizer: quantity().optional().describe('Master weights and optimizer state.'),
  gradients: quantity().optional().describe('Gradients at their peak.'),
  activations: quantity().optional().describe('Activations kept between forward and backward.'),
  workspace: quantity().optional().describe('Working memory of head and block, libraries.'),
  peak: quantity().optional().describe('Largest sum at one time.'),
  limit: quantity().optional().describe('Memory of the device.'),
  devices: words(317).describe(
    'Extended resource of the devices that it is for, or claims; absent for processors.',
  ),
  workers: count().describe('Workers that it is for: the fewest that may train.'),
  trainers: count().describe('Processes of a worker that train, one on each of its devices.'),
  leastDevice: quantity()
    .optional()
    .describe('Least memory of a device, by the label of its node, where not all nodes have it.'),
  least: quantity()
    .optional()
    .describe('Peak of the host of a worker that recomputes all activations.'),
  most: quantity().optional().describe('Peak of the host of a worker that recomputes none.'),
  publish: quantity().optional().describe('Peak of the process that writes the results.'),
});

const resolvedAxis = z.strictObject({
  type: text(64).describe('Value of the axis.'),
  parameters: mapOf(text(64), z.string().max(1024), 32)
    .optional()
    .describe('All effective parameters, as text.'),
});

const resolvedMethod = z.strictObject({
  preset: words(64).describe('Preset that the job names.'),
  precision: resolvedAxis.optional().describe('Arithmetic of the linear layers.'),
  base: resolvedAxis.optional().describe('Storage of frozen weights.'),
  adapter: resolvedAxis.optional().describe('Parameters that are added and trained.'),
  selection: resolvedAxis.optional().describe('Which tensors are trained.'),
  optimizer: resolvedAxis.optional().describe('How gradients become updates.'),
  rule: resolvedAxis.optional().describe('What else a step does.'),
  summary: words(128).describe('Short text of the method, for the column of kubectl.'),
});

const plan = z.strictObject({
  sha256: words(64).describe('Digest of the plan of the workers.'),
  prepareSha256: words(64).describe('Digest of the model and data that are prepared.'),
  preparedBy: words(128).describe(
    'Run that prepared model and data, `<job>-<first eight characters of its UID>`, if another job did; its own name if that preparation was unusable.',
  ),
  method: resolvedMethod.optional().describe('The method with presets and defaults resolved.'),
  parallelism: words(128).describe('How the model is distributed, as text.'),
  trainableParameters: count().describe(
    'Parameters that are trained; at most, where ranks follow from data.',
  ),
  totalParameters: count().describe('Parameters of the model.'),
  memory: memoryPlan.optional().describe('Predicted memory of a device, and of its host.'),
  adjustments: z
    .array(text(256))
    .max(32)
    .optional()
    .describe('Changes to the memory plan after a device ran out of memory.'),
});

const rendezvous = z.strictObject({
  round: count().describe('Number of the current rendezvous round.'),
  worldSize: count().describe('Ranks in it.'),
  targetWorkers: count().describe('Workers wanted.'),
  openedBy: words(253).describe('Process that opened the round.'),
  openedAt: time().describe('When it was opened.'),
  committedAt: time().describe('When its members were committed.'),
});

const notReady = z.strictObject({
  reason: text(128).describe('Why workers are not ready.'),
  count: z.int32().min(0).describe('How many.'),
  example: words(253).describe('Name of one of them.'),
});

const workers = z.strictObject({
  replicas: z.int32().min(0).optional().describe('Worker pods that exist.'),
  ready: z.int32().min(0).optional().describe('Worker pods that are ready.'),
  failed: z.int32().min(0).optional().describe('Worker pods that failed.'),
  summary: words(32).describe('Ready and requested workers, such as 3/4.'),
  selector: words(1024).describe('Label selector of the pods, for kubectl scale.'),
  notReadyReasons: z.array(notReady).max(16).optional().describe('Why some workers are not ready.'),
});

const stage = z.strictObject({
  type: text(32).describe('The stage: Fetch, Prepare, Load, Evaluate, Export, Upload and so on.'),
  subject: words(1024).describe('Its subject: a source, a file, a destination.'),
  percent: z.int32().min(0).max(100).optional().describe('Completed percentage, where known.'),
  note: words(1024).describe('Amounts, as text.'),
});

const progress = z.strictObject({
  stage: stage.optional().describe('The current stage outside of steps.'),
  step: count().describe('Optimizer steps done.'),
  totalSteps: count().describe('Optimizer steps of the whole job.'),
  percent: z.int32().min(0).max(100).optional().describe('Completed percentage of the steps.'),
  epoch: number().describe('Epochs so far.'),
  trainLoss: number().describe('Loss of the last steps.'),
  evalLoss: number().describe('Loss on held-out data.'),
  learningRate: number().describe('Learning rate of the last step.'),
  tokensPerSecond: number().describe('Tokens per second, of all devices.'),
  gradientNorm: number().describe('Gradient norm before clipping.'),
  tokensSeen: count().describe('Tokens so far.'),
  estimatedCompletionTime: time().describe('When the job is expected to end.'),
  updatedAt: time().describe('When this was written.'),
});

const checkpoint = z.strictObject({
  latestStep: count().describe('Step of the newest committed checkpoint.'),
  latestTime: time().describe('When it was committed.'),
  latestDigest: words(71).describe('Digest of its manifest.'),
  latestURI: words(1024).describe('Where it is.'),
  round: count().describe('Rendezvous round that wrote it.'),
  stepsAtRisk: count().describe('Steps that would be lost with all pods.'),
});

const save = z.strictObject({
  asked: words(64).describe('Newest request: the value of the annotation `anneal.dev/save`.'),
  workerRevision: count().describe('Revision of the workers that got the request.'),
  count: count().describe('Save requests to its workers.'),
  done: words(64).describe('Newest completed request.'),
  step: count().describe('Step that was saved for it.'),
});

const restarts = z.strictObject({
  counted: count().describe('Restarts that count against maxRestarts.'),
  disruptions: count().describe('Restarts by preemption, drain or eviction.'),
  resizes: count().describe('Changes of the number of workers.'),
  window: z.array(z.iso.datetime()).max(128).optional().describe('Times of the counted restarts.'),
  lastCause: words(256).describe('Cause of the last restart.'),
  repeats: count().describe('How often in a row it was the cause.'),
  sinceCommit: count().describe('Counted restarts since the last checkpoint.'),
  podFailures: z
    .strictObject({
      workerRevision: z.int().min(0).describe('Revision of the workers that the count is for.'),
      count: z.int().min(0).describe('How many.'),
    })
    .optional()
    .describe('Pod failures that are already counted.'),
  grown: count().describe('How often the memory of the workers was raised by a quarter.'),
  schedulingAttempts: count().describe('How often scheduling timed out.'),
  nextStartTime: time().describe('The workers are not restarted before this time.'),
  lastRecoverySeconds: number().describe('Seconds from the loss to the next step.'),
  excludedNodes: z.array(text(253)).max(64).optional().describe('Nodes that are avoided.'),
});

const queue = z.strictObject({
  name: words(253).describe('Queue of the job.'),
  workload: words(253).describe('Workload object of the job.'),
  position: z.int32().min(0).optional().describe('Position in the queue, where known.'),
  reason: words(1024).describe('Message of the queue.'),
});

const artifact = z.strictObject({
  type: text(64).describe('Format of the result.'),
  uri: text(1024).describe('Where it is.'),
  digest: words(71).describe('Digest over its files.'),
  size: quantity().optional().describe('Its size.'),
  verdict: z
    .enum(['Pass', 'Warn', 'Disabled'])
    .optional()
    .describe('Verdict of its evaluation; Disabled where spec.evaluation.profile is.'),
  evaluation: words(512).describe('Its evaluation in words, with figures.'),
});

const resolvedModel = z.strictObject({
  revision: words(200).describe('Resolved commit of the revision.'),
  digest: words(71).describe('Digest over the files.'),
  wholeDigest: words(71).describe('Of the model that this one was cut out of.'),
  family: words(64).describe('Decoder family.'),
  format: z.enum(['Safetensors', 'GGUF']).optional().describe('Detected format.'),
});

const resolvedDataset = z.strictObject({
  revision: words(200).describe('Resolved commit of the revision.'),
  digest: words(71).describe('Digest of the token store.'),
  samples: count().describe('Records that are used.'),
  tokens: count().describe('Tokens of those records.'),
  targetTokens: count().describe('Target tokens: those that the loss is computed on.'),
  skipped: count().describe('Records that were skipped.'),
});

const failure = z.strictObject({
  code: words(64).describe('Code in the table of failures: anneal explain CODE.'),
  reason: text(128).describe('Why, as one word.'),
  message: words(4096).describe('Why, as a sentence.'),
  index: z.int32().min(0).optional().describe('Worker where it started.'),
  node: words(253).describe('Its node.'),
  exitCode: z.int32().optional().describe('Its exit code.'),
  step: count().describe('Last step before it.'),
  record: words(4096).describe('Termination message of the worker.'),
  logs: words(1024).describe('Location of the log lines around it.'),
});

const logs = z.strictObject({
  stream: words(253).describe('Stream on the bus.'),
  first: count().describe('First sequence number.'),
  last: count().describe('Last sequence number.'),
});

export const status = z.strictObject({
  observedGeneration: count().describe('Generation of the spec that this status reflects.'),
  phase: Phase.optional().describe('State of the job in one word, derived from the conditions.'),
  conditions: conditionList(32).describe('State of the job in detail.'),
  startTime: time().describe('When training began.'),
  completionTime: time().describe('When the job ended.'),
  activeSeconds: count().describe('Seconds that count for the deadline, up to activeSince.'),
  activeSince: time().describe(
    'Time since when the deadline clock runs; absent while suspended or queued.',
  ),
  workerRevision: count().describe('Revision: number of the current worker Job.'),
  jobRef: z
    .strictObject({
      name: text(253).describe('Its name.'),
      uid: text(64).describe('Its UID.'),
    })
    .optional()
    .describe('The current worker Job.'),
  plan: plan.optional().describe('The plan of the run.'),
  rendezvous: rendezvous.optional().describe('The current rendezvous of the workers.'),
  workers: workers.optional().describe('Worker pods.'),
  progress: progress.optional().describe('Progress of training.'),
  checkpoint: checkpoint.optional().describe('Checkpoints that can be resumed from.'),
  save: save.optional().describe('The requested save.'),
  restarts: restarts.optional().describe('Restarts so far.'),
  queue: queue.optional().describe('State of the job in its queue.'),
  artifacts: z
    .array(artifact)
    .max(32)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uri'] })
    .describe('Results.'),
  model: resolvedModel.optional().describe('The resolved model.'),
  dataset: resolvedDataset.optional().describe('The resolved data.'),
  failure: failure.optional().describe('First cause of a failure.'),
  logs: logs.optional().describe('Where the logs are.'),
});

export type FineTuneJobStatus = z.output<typeof status>;
