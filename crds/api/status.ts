// What the operator reports. Written only by the controller (all but progress) and by the progress
// writer, never by people. Numbers that are not whole are decimals in strings, as everywhere.
import * as z from 'zod';
import { quantity } from '../schema/quantity.ts';
import { mapOf, text } from '../schema/text.ts';
import { condition, Phase } from './conditions.ts';

const count = () => z.int().min(0).optional();
const time = () => z.iso.datetime().optional();
const number = () => z.string().max(32).optional();
const words = (max: number) => z.string().max(max).optional();

const memoryPlan = z.strictObject({
  weights: quantity().optional().describe('Weights of the model and adapters.'),
  optimizer: quantity().optional().describe('MasterWeights and state of the optimizer.'),
  gradients: quantity().optional().describe('Gradients at their peak.'),
  activations: quantity().optional().describe('What is kept between forward and backward.'),
  workspace: quantity().optional().describe('Head chunk, working set of a block, libraries.'),
  peak: quantity().optional().describe('Largest sum at one moment.'),
  limit: quantity().optional().describe('What the device has.'),
  least: quantity()
    .optional()
    .describe('Peak of a worker that keeps nothing it can compute again.'),
  most: quantity().optional().describe('Peak of a worker that keeps all that is worth it.'),
  publish: quantity().optional().describe('Peak of the process that writes the results.'),
});

const resolvedAxis = z.strictObject({
  type: text(64).describe('Value of the axis.'),
  parameters: mapOf(text(64), z.string().max(1024), 32)
    .optional()
    .describe('All parameters in force, as text.'),
});

const resolvedMethod = z.strictObject({
  preset: words(64).describe('Preset that the job names.'),
  precision: resolvedAxis.optional().describe('Arithmetic of the linear layers.'),
  base: resolvedAxis.optional().describe('Storage of frozen weights.'),
  adapter: resolvedAxis.optional().describe('What is added and trained.'),
  selection: resolvedAxis.optional().describe('Which tensors are trained.'),
  optimizer: resolvedAxis.optional().describe('How gradients become updates.'),
  summary: words(128).describe('The method in a few words, for the column of kubectl.'),
});

const plan = z.strictObject({
  sha256: words(64).describe('Digest of the plan that workers run.'),
  prepareSha256: words(64).describe('Digest of what was asked to be put in place, once it is.'),
  preparedBy: words(128).describe(
    'Run of another job, `<job>-<first eight of its UID>`, that put in place what this one trains on; its own name once that was of no use.',
  ),
  method: resolvedMethod.optional().describe('The axes in force, presets resolved.'),
  parallelism: words(128).describe('How the model is spread, in words.'),
  trainableParameters: count().describe('Parameters that are trained.'),
  totalParameters: count().describe('Parameters of the model.'),
  memory: memoryPlan.optional().describe('Predicted memory of a device.'),
  adjustments: z
    .array(text(256))
    .max(32)
    .optional()
    .describe('Changes to the memory plan after a device ran out of memory.'),
});

const rendezvous = z.strictObject({
  round: count().describe('Number of the present world.'),
  worldSize: count().describe('Workers in it.'),
  targetWorkers: count().describe('Workers wanted.'),
  openedBy: words(253).describe('Who opened the round.'),
  openedAt: time().describe('When it was opened.'),
  committedAt: time().describe('When its members were agreed on.'),
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
  summary: words(32).describe('Ready and wanted workers, such as 3/4.'),
  selector: words(1024).describe('Label selector of the pods, for kubectl scale.'),
  notReadyReasons: z.array(notReady).max(16).optional().describe('Why some are not ready.'),
});

const stage = z.strictObject({
  type: text(32).describe(
    'What is done: Fetch, Prepare, Load, Evaluate, Export, Upload and so on.',
  ),
  subject: words(1024).describe('What it is done to: a source, a file, a destination.'),
  percent: z.int32().min(0).max(100).optional().describe('Share of it that is done, where known.'),
  note: words(1024).describe('Amounts, as a person reads them.'),
});

const progress = z.strictObject({
  stage: stage
    .optional()
    .describe('What is done before the first step, between steps or after the last one.'),
  step: count().describe('Optimizer steps done.'),
  totalSteps: count().describe('Optimizer steps of the whole job.'),
  percent: z.int32().min(0).max(100).optional().describe('Share of the steps done.'),
  epoch: number().describe('Passes over the data.'),
  trainLoss: number().describe('Loss of the last steps.'),
  evalLoss: number().describe('Loss on held-out data.'),
  learningRate: number().describe('Learning rate of the last step.'),
  tokensPerSecond: number().describe('Tokens of all devices in a second.'),
  gradientNorm: number().describe('Norm of the gradient before clipping.'),
  tokensSeen: count().describe('Tokens so far.'),
  estimatedCompletionTime: time().describe('When the job should end at this pace.'),
  updatedAt: time().describe('When this was written.'),
});

const checkpoint = z.strictObject({
  latestStep: count().describe('Step of the newest committed checkpoint.'),
  latestTime: time().describe('When it was committed.'),
  latestDigest: words(71).describe('Digest of its manifest.'),
  latestURI: words(1024).describe('Where it is.'),
  round: count().describe('Round that wrote it.'),
  verified: z
    .enum(['Verified', 'Unverified'])
    .optional()
    .describe('Whether its digests were checked.'),
  memoryStep: count().describe('Step of the newest copy in memory.'),
  bestStep: count().describe('Step of the best checkpoint.'),
  bestMetric: number().describe('Its evaluation loss.'),
  stepsAtRisk: count().describe('Steps that a loss of all pods would cost now.'),
  corrupted: count().describe('Checkpoints that were set aside as damaged.'),
});

const save = z.strictObject({
  asked: words(64).describe('Newest wish: the value of the annotation `anneal.dev/save`.'),
  workerRevision: count().describe('Worker revision that was asked.'),
  count: count().describe('Saves that its workers were asked for.'),
  done: words(64).describe('Newest wish that was fulfilled.'),
  step: count().describe('Step that was saved for it.'),
});

const restarts = z.strictObject({
  counted: count().describe('Restarts that count against the budget.'),
  disruptions: count().describe('Restarts by preemption, drain or eviction.'),
  resizes: count().describe('Changes of the number of workers.'),
  window: z.array(z.iso.datetime()).max(128).optional().describe('Times of the counted ones.'),
  lastCause: words(256).describe('Cause of the last one.'),
  repeats: count().describe('How often in a row it was the cause.'),
  sinceCommit: count().describe('Counted restarts since the last checkpoint.'),
  podFailures: z
    .strictObject({
      workerRevision: z.int().min(0).describe('Worker revision of the count.'),
      count: z.int().min(0).describe('How many.'),
    })
    .optional()
    .describe('Failures of pods that are counted already.'),
  grown: count().describe('How often the memory of the workers was raised by a quarter.'),
  schedulingAttempts: count().describe('How often the workers waited for nodes in vain.'),
  nextStartTime: time().describe('Before this time the workers are not started again.'),
  lastRecoverySeconds: number().describe('Time from the loss to the next step.'),
  excludedNodes: z.array(text(253)).max(64).optional().describe('Nodes that are avoided.'),
});

const queue = z.strictObject({
  name: words(253).describe('Queue of the job.'),
  workload: words(253).describe('Its workload object.'),
  position: z.int32().min(0).optional().describe('Position in the queue, where known.'),
  reason: words(1024).describe("The queue's own words."),
});

const artifact = z.strictObject({
  type: text(64).describe('Form of the result.'),
  uri: text(1024).describe('Where it is.'),
  digest: words(71).describe('Digest over its files.'),
  size: quantity().optional().describe('Its size.'),
});

const resolvedModel = z.strictObject({
  revision: words(200).describe('Commit that the revision stood for.'),
  digest: words(71).describe('Digest over the files.'),
  family: words(64).describe('Decoder family.'),
  format: z.enum(['Safetensors', 'GGUF']).optional().describe('Format that was found.'),
});

const resolvedDataset = z.strictObject({
  revision: words(200).describe('Commit that the revision stood for.'),
  digest: words(71).describe('Digest of the token store.'),
  samples: count().describe('Records that are used.'),
  tokens: count().describe('Tokens of those records.'),
  targetTokens: count().describe('Target tokens: those that the loss is computed on.'),
  skipped: count().describe('Records that were left out.'),
});

const failure = z.strictObject({
  code: words(64).describe('Code in the table of failures: anneal explain CODE.'),
  reason: text(128).describe('Why, as one word.'),
  message: words(4096).describe('Why, as a sentence.'),
  index: z.int32().min(0).optional().describe('Worker where it began.'),
  node: words(253).describe('Its node.'),
  exitCode: z.int32().optional().describe('Its exit code.'),
  step: count().describe('Last step before it.'),
  record: words(4096).describe('Termination message of the worker.'),
  logs: words(1024).describe('Where the log lines around it are.'),
});

const logs = z.strictObject({
  stream: words(253).describe('Stream on the bus.'),
  first: count().describe('First sequence number.'),
  last: count().describe('Last sequence number.'),
});

export const status = z.strictObject({
  observedGeneration: count().describe('Generation of the spec that this status is about.'),
  phase: Phase.optional().describe('Where the job stands, in one word; computed from conditions.'),
  conditions: z
    .array(condition)
    .max(32)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .describe('Where the job stands, in detail.'),
  startTime: time().describe('When training began.'),
  completionTime: time().describe('When the job ended.'),
  activeSeconds: count().describe('Time that counts for the deadline, up to activeSince.'),
  activeSince: time().describe('Since when time counts; absent while suspended or queued.'),
  workerRevision: count().describe('Number of the present worker Job.'),
  jobRef: z
    .strictObject({
      name: text(253).describe('Its name.'),
      uid: text(64).describe('Its UID.'),
    })
    .optional()
    .describe('The present worker Job.'),
  plan: plan.optional().describe('What was decided before the start.'),
  rendezvous: rendezvous.optional().describe('The present world of workers.'),
  workers: workers.optional().describe('Worker pods.'),
  progress: progress.optional().describe('How far training is.'),
  checkpoint: checkpoint.optional().describe('What could be resumed.'),
  save: save.optional().describe('The save that was asked for.'),
  restarts: restarts.optional().describe('Restarts so far.'),
  queue: queue.optional().describe('What the queue says.'),
  artifacts: z
    .array(artifact)
    .max(32)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uri'] })
    .describe('Results.'),
  model: resolvedModel.optional().describe('The model that was found.'),
  dataset: resolvedDataset.optional().describe('The data that was found.'),
  failure: failure.optional().describe('First cause of a failure.'),
  logs: logs.optional().describe('Where the logs are.'),
});

export type FineTuneJobStatus = z.output<typeof status>;
