// What the workers told about their steps, as status shows it: decimals as text, and only what is known.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { BusProgress } from '../bus/job-bus.ts';
import { timeText } from '../runtime/conditions.ts';
import type { BusFacts } from './facts.ts';

export type ProgressPart = Pick<FineTuneJobStatus, 'progress' | 'checkpoint'>;

export function progressPart(
  told: BusProgress | undefined,
  bus: BusFacts,
  now: number,
): ProgressPart {
  const step = told?.step;
  const head = bus.type === 'Present' ? bus.state?.checkpoint : undefined;
  return {
    ...(step === undefined ? {} : { progress: progressOf(step, told?.evaluation?.loss, now) }),
    ...(head === undefined
      ? {}
      : {
          checkpoint: {
            latestStep: head.step,
            latestTime: head.time,
            latestDigest: head.digest,
            latestURI: head.manifest,
            generation: head.generation,
            ...(step === undefined ? {} : { stepsAtRisk: Math.max(0, step.step - head.step) }),
          },
        }),
  };
}

function progressOf(
  step: NonNullable<BusProgress['step']>,
  evalLoss: number | null | undefined,
  now: number,
): NonNullable<ProgressPart['progress']> {
  const left = step.totalSteps - step.step;
  const seconds = (left * step.stepMs.total) / 1000;
  return {
    step: step.step,
    totalSteps: step.totalSteps,
    percent: step.totalSteps === 0 ? 0 : Math.floor((100 * step.step) / step.totalSteps),
    epoch: step.epoch.toFixed(2),
    ...decimal('trainLoss', step.loss),
    ...decimal('evalLoss', evalLoss),
    learningRate: String(step.learningRate),
    tokensPerSecond: step.tokensPerSecond.toFixed(0),
    ...decimal('gradientNorm', step.gradNorm),
    tokensSeen: step.tokensSeen,
    estimatedCompletionTime: timeText(step.time * 1000 + seconds * 1000),
    updatedAt: timeText(Math.min(now, step.time * 1000)),
  };
}

/** Numbers that are not finite come as null: then nothing is said, and a warning of the worker says why. */
function decimal<Name extends string>(
  name: Name,
  value: number | null | undefined,
): { readonly [K in Name]?: string } {
  if (value === null || value === undefined) return {};
  return { [name]: value.toFixed(4) } as { readonly [K in Name]?: string };
}

/** Whether anything but times changed. */
export function tellsMore(before: ProgressPart, after: ProgressPart): boolean {
  return (
    before.progress?.step !== after.progress?.step ||
    before.progress?.evalLoss !== after.progress?.evalLoss ||
    before.checkpoint?.latestStep !== after.checkpoint?.latestStep
  );
}

/** A commit is worth a write at once; a step can wait for its turn. */
export function isUrgent(before: ProgressPart, after: ProgressPart): boolean {
  return before.checkpoint?.latestStep !== after.checkpoint?.latestStep;
}
