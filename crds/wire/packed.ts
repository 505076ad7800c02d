// What one process that trains several runs says of each of them over IPC, and what it is told
// where they come and go.
import * as z from 'zod';
import { mostPacked } from '../names/most-packed.ts';
import { telemetry } from './telemetry.ts';

const run = z
  .int()
  .min(0)
  .max(mostPacked - 1);

export const packedMessage = z.union([
  /** `run`: by the order of the folders that the process was started with, or as it was told. */
  z.object({ run, message: telemetry }),
  /** It has ended, with the exit code that a process of its own would have had. */
  z.object({ run, exitCode: z.int() }),
]);

export const poolOrder = z.union([
  /** Save, and end. */
  z.literal('stop'),
  /** Train the run of a folder, under a number that no other run there has. */
  z.object({ attach: z.string().min(1), run }),
  /** It saves and ends, as a run that is stopped. */
  z.object({ detach: run }),
]);

export type PoolOrder = z.output<typeof poolOrder>;
export type PackedMessage = z.output<typeof packedMessage>;
