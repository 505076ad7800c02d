// What whoever started a worker process says to it over IPC.
import * as z from 'zod';

export const trainerOrder = z.union([
  /** Save, and end. */
  z.literal('stop'),
  /** Save, and train on. */
  z.literal('save'),
  /**
   * The checkpoint of this step is the one that others go on from: it stays, however old it
   * becomes.
   */
  z.object({ counts: z.int().min(0) }),
]);

export type TrainerOrder = z.output<typeof trainerOrder>;
