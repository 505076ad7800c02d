// The spec, composed of one file for each part. Rules between the parts are in spec-rules.ts.
import * as z from 'zod';
import { controllerName, multiKueueName } from '../names/group.ts';
import { mutable } from '../schema/mutability.ts';
import { objectName } from '../schema/text.ts';
import { checkpoint } from './checkpoint.ts';
import { dataset } from './dataset.ts';
import { evaluation } from './evaluation.ts';
import { method } from './method.ts';
import { model } from './model.ts';
import { output } from './output.ts';
import { parallelism } from './parallelism.ts';
import { failurePolicy, network, observability } from './policy.ts';
import { scheduling } from './scheduling.ts';
import { storage } from './storage.ts';
import { noSteps, training } from './training.ts';
import { worker } from './worker.ts';

export const specFields = z.strictObject({
  model: model.describe('The base model.'),
  dataset: dataset.prefault({}).describe('The training data. Absent with training.trajectory.'),
  method: method.describe('The fine-tuning method, one value for each axis.'),
  training: training
    .prefault(noSteps)
    .describe('Steps, learning rate, batch size. Absent for method.preset NoTraining.'),
  parallelism: parallelism.prefault({}).describe('How the model is distributed over devices.'),
  packing: z
    .strictObject({ pool: objectName().describe('Name of the TrainingPool.') })
    .optional()
    .describe('Trains in the pod of a pool, beside other jobs.'),
  worker: worker.prefault({}).describe('The pods that train.'),
  scheduling: scheduling.prefault({}).describe('Scheduling of the workers.'),
  storage: storage.prefault({}).describe('Volumes of the pods.'),
  checkpoint: checkpoint.prefault({}).describe('Checkpoints during training.'),
  output: output.describe('Formats and destination of the results.'),
  evaluation: mutable(evaluation, 'Suspended')
    .prefault({})
    .describe('Evaluation of each form of the result before it is published.'),
  failurePolicy: failurePolicy.prefault({}).describe('Reactions to failures.'),
  network: network.prefault({}).describe('Network access of the pods.'),
  observability: observability.prefault({}).describe('Logs, metrics, traces.'),
  suspend: mutable(z.boolean().default(false), 'Live').describe(
    'True saves and stops the workers; false starts them again.',
  ),
  suspendTimeoutSeconds: mutable(z.int32().min(1).default(600), 'Live').describe(
    'How long the save on suspension may take.',
  ),
  busOutageTimeoutSeconds: mutable(z.int32().min(1).default(900), 'Live').describe(
    'How long a restart may wait for the bus.',
  ),
  managedBy: z
    .enum([controllerName, multiKueueName])
    .default(controllerName)
    .describe('Controller that manages the job.'),
  activeDeadlineSeconds: mutable(z.int().min(1), 'Live')
    .optional()
    .describe('Longest time that the job may run, not counting time suspended or queued.'),
  ttlSecondsAfterFinished: mutable(z.int32().min(0), 'Live')
    .optional()
    .describe('After this time a finished job is deleted; results and checkpoints stay.'),
  podCleanupPolicy: mutable(z.enum(['Running', 'All', 'None']).default('Running'), 'Live').describe(
    'Pods to delete when the job ends: running ones, all, or none.',
  ),
  deletionPolicy: mutable(z.enum(['Now', 'Save']).default('Now'), 'Live').describe(
    'Whether workers save when the job is deleted.',
  ),
});

export type SpecFields = z.output<typeof specFields>;
