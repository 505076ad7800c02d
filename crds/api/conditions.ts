// Condition types and phases, and how the phase follows from the conditions. A phase is for people;
// nothing reads it to decide.
import * as z from 'zod';
import { text } from '../schema/text.ts';

export const conditionTypes = [
  'Validated',
  'Suspended',
  'QuotaReserved',
  'Initialized',
  'PodsReady',
  'Running',
  'Restarting',
  'Resizing',
  'CheckpointReady',
  'Stalled',
  'Degraded',
  'Published',
  'Complete',
  'Failed',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

export const phases = [
  'Pending',
  'Initializing',
  'Queued',
  'Starting',
  'Running',
  'Resizing',
  'Restarting',
  'Suspending',
  'Suspended',
  'Publishing',
  'Succeeded',
  'Failed',
] as const;
export const Phase = z.enum(phases);
export type Phase = (typeof phases)[number];

export function isTerminal(phase: Phase): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** What `True` means, for pages and `explain`. Reasons that are failures stand in failures.ts. */
export const conditionMeaning: Readonly<Record<ConditionType, string>> = {
  Validated: 'The spec is resolved and its plan fits.',
  Suspended: 'There are no workers, on purpose.',
  QuotaReserved: 'The queue admitted the workers.',
  Initialized: 'Model and data are in place and verified.',
  PodsReady: 'All workers of the revision are ready.',
  Running: 'A committed world is training.',
  Restarting: 'A new rendezvous round has begun.',
  Resizing: 'The number of workers is changing.',
  CheckpointReady: 'A committed checkpoint can be resumed.',
  Stalled: 'Progress is impossible without a change outside.',
  Degraded: 'The job runs, but not as asked.',
  Published: 'The wanted results are where they should be.',
  Complete: 'The job finished well; this never changes again.',
  Failed: 'The job finished badly; this never changes again.',
};

/** `metav1.Condition`. */
export const condition = z.strictObject({
  type: text(64).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().min(0).optional().describe('Generation of the spec that was judged.'),
  lastTransitionTime: z.iso.datetime().describe('When status last changed.'),
  reason: text(128, /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/).describe('Why, as one word.'),
  message: z.string().max(32_768).describe('Why, as a sentence.'),
});

export type Condition = z.output<typeof condition>;
