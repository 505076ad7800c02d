// The parts of a spec, one file each, put together. Rules between the parts are in spec-rules.ts.
import * as z from 'zod';
import { controllerName, multiKueueName } from '../names/group.ts';
import { mutable } from '../schema/mutability.ts';
import { checkpoint } from './checkpoint.ts';
import { dataset } from './dataset.ts';
import { method } from './method.ts';
import { model } from './model.ts';
import { output } from './output.ts';
import { parallelism } from './parallelism.ts';
import { failurePolicy, network, observability } from './policy.ts';
import { scheduling } from './scheduling.ts';
import { storage } from './storage.ts';
import { training } from './training.ts';
import { worker } from './worker.ts';

export const specFields = z.strictObject({
  model: model.describe('The model to start from.'),
  dataset: dataset.describe('What it learns from.'),
  method: method.describe('What is changed and how, axis by axis.'),
  training: training.describe('How long, how fast, on how much at once.'),
  parallelism: parallelism.prefault({}).describe('How the model is spread over devices.'),
  worker: worker.prefault({}).describe('The pods that train.'),
  scheduling: scheduling.prefault({}).describe('When and where they start.'),
  storage: storage.prefault({}).describe('Volumes of the pods.'),
  checkpoint: checkpoint.prefault({}).describe('What is saved on the way.'),
  output: output.describe('What the job leaves behind.'),
  failurePolicy: failurePolicy.prefault({}).describe('What happens when something fails.'),
  network: network.prefault({}).describe('Whom the pods may talk to.'),
  observability: observability.prefault({}).describe('Logs, metrics, traces.'),
  suspend: mutable(z.boolean().default(false), 'Live').describe(
    'True saves and removes the workers; false lets them come back.',
  ),
  suspendTimeoutSeconds: mutable(z.int32().min(1).default(600), 'Live').describe(
    'How long a save may take on suspending.',
  ),
  busOutageTimeoutSeconds: mutable(z.int32().min(1).default(900), 'Live').describe(
    'How long a restart may wait for the bus.',
  ),
  managedBy: z
    .enum([controllerName, multiKueueName])
    .default(controllerName)
    .describe('Controller that acts on the job.'),
  activeDeadlineSeconds: mutable(z.int().min(1), 'Live')
    .optional()
    .describe('Longest time the job may run, without the time it is suspended or queued.'),
  ttlSecondsAfterFinished: mutable(z.int32().min(0), 'Live')
    .optional()
    .describe('After this time a finished job is deleted; results and checkpoints stay.'),
  podCleanupPolicy: mutable(z.enum(['Running', 'All', 'None']).default('Running'), 'Live').describe(
    'Pods that are deleted at the end: those that still run, all, or none.',
  ),
  deletionPolicy: mutable(z.enum(['Now', 'Save']).default('Now'), 'Live').describe(
    'Whether workers save before a deleted job goes.',
  ),
});

export type SpecFields = z.output<typeof specFields>;
