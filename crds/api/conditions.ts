// Condition types and phases, and the phase that follows from the conditions. The phase is for
// users; no code decides by it.
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

/**
 * The meaning of `True`, for the docs and `explain`. Reasons that are failures are in
 * crds/failures.
 */
export const conditionMeaning: Readonly<Record<ConditionType, string>> = {
  Validated: 'The spec is resolved and its plan fits.',
  Suspended: 'The job is suspended and has no workers.',
  QuotaReserved: 'The queue admitted the workers.',
  Initialized: 'Model and data are fetched, prepared and verified.',
  PodsReady: 'All workers of the revision are ready.',
  Running: 'The rendezvous is complete and the workers train.',
  Restarting: 'A new rendezvous is in progress.',
  Resizing: 'The number of workers is changing.',
  CheckpointReady: 'A committed checkpoint can be resumed.',
  Stalled: 'The job cannot make progress without a change from outside.',
  Degraded: 'The job runs, but not as specified.',
  Published: 'The requested results are at their destination.',
  Complete: 'The job succeeded; this is final.',
  Failed: 'The job failed; this is final.',
};

/** `metav1.Condition`. */
export const condition = z.strictObject({
  type: text(64).describe('What the condition is about.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z
    .int()
    .min(0)
    .optional()
    .describe('Generation of the spec that it is about.'),
  lastTransitionTime: z.iso.datetime().describe('When status last changed.'),
  reason: text(128, /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/).describe('Why, as one word.'),
  message: z.string().max(32_768).describe('Why, as a sentence.'),
});

export type Condition = z.output<typeof condition>;

/** At most so many, one of a type. */
export function conditionList(most: number) {
  return z
    .array(condition)
    .max(most)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });
}
