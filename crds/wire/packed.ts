// What one process that trains several runs says of each of them over IPC.
import * as z from 'zod';
import { telemetry } from './telemetry.ts';

/** Runs that one process trains together at most. */
export const mostPacked = 32;

const run = z
  .int()
  .min(0)
  .max(mostPacked - 1);

export const packedMessage = z.union([
  /** `run`: by the order of the folders that the process was started with. */
  z.object({ run, message: telemetry }),
  /** It has ended, with the exit code that a process of its own would have had. */
  z.object({ run, exitCode: z.int() }),
]);

export type PackedMessage = z.output<typeof packedMessage>;
