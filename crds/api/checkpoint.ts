// Checkpoints: where, how often, and how many are kept.
import * as z from 'zod';
import { mutable } from '../schema/mutability.ts';
import { text } from '../schema/text.ts';
import { exactlyOne } from '../schema/union.ts';
import { destinationOf } from './source.ts';

const memory = z.strictObject({
  mode: z
    .enum(['None', 'Local', 'LocalAndPeer'])
    .optional()
    .describe(
      'Copies in the memory of the pods. When absent: LocalAndPeer with several workers, else None.',
    ),
  intervalSteps: z
    .int32()
    .min(1)
    .optional()
    .describe('Steps between copies; chosen by the measured cost when absent.'),
});

const retain = z.strictObject({
  latest: z.int32().min(1).max(1000).default(3).describe('Newest checkpoints to keep.'),
  best: z
    .int32()
    .min(0)
    .max(100)
    .default(1)
    .describe(
      'Best checkpoints by evaluation to keep; the best one is published. With 0 the last step is published.',
    ),
  everySteps: z
    .int32()
    .min(1)
    .optional()
    .describe('Also keep every checkpoint whose step is a multiple of this.'),
});

const resumeFrom = exactlyOne(
  z.strictObject({
    job: text(253).optional().describe('Name of another job of this namespace.'),
    source: destinationOf('checkpoint.resumeFrom.source')
      .optional()
      .describe('Checkpoint folder of another run.'),
    step: z.int32().min(0).optional().describe('Step to start from; the newest when absent.'),
  }),
  'checkpoint.resumeFrom has one source',
  ['job', 'source'],
);

export const checkpoint = z.strictObject({
  destination: destinationOf('checkpoint.destination')
    .optional()
    .describe('Where checkpoints go. A local run uses its own folder when absent.'),
  intervalSteps: mutable(z.int32().min(1), 'Live')
    .optional()
    .describe('Steps between saves. With neither interval: chosen by the measured cost.'),
  intervalSeconds: mutable(z.int32().min(1), 'Live').optional().describe('Seconds between saves.'),
  memory: mutable(memory, 'Suspended')
    .prefault({})
    .describe('Copies in memory, which survive the loss of a process.'),
  retain: mutable(retain, 'Live').prefault({}).describe('Checkpoints that are kept.'),
  resumeFrom: resumeFrom.optional().describe('Start from a checkpoint of another run.'),
});
