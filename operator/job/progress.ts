// What the workers told about their steps, as status shows it: decimals as text, and only what is
// known.
import { isDeepStrictEqual } from 'node:util';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import type { BusProgress } from '../bus/job-bus.ts';
import { timeText } from '../runtime/conditions.ts';
import type { BusFacts } from './facts.ts';

export type ProgressPart = Pick<FineTuneJobStatus, 'progress' | 'checkpoint'>;

interface Known {
  readonly now: number;
  /**
   * From status: its numbers stay until a step is reported, which may be long after a start of the
   * operator.
   */
  readonly before?: ProgressPart['progress'];
  /** The job has ended: nothing is at work any more. */
  readonly over?: boolean;
}

export function progressPart(
  told: BusProgress | undefined,
  bus: BusFacts,
  { now, before, over = false }: Known,
): ProgressPart {
  const step = told?.step;
  const stage = over ? undefined : stageOf(told);
  const { stage: _, ...numbers } = before ?? {};
  const head = bus.type === 'Present' ? bus.state?.checkpoint : undefined;
  const progress = {
    ...(step === undefined ? numbers : progressOf(step, told?.evaluation?.loss, now)),
    ...(stage === undefined ? {} : { stage }),
  };
  return {
    ...(Object.keys(progress).length === 0 ? {} : { progress }),
    ...(head === undefined
      ? {}
      : {
          checkpoint: {
            latestStep: head.step,
            latestTime: head.time,
            latestDigest: head.digest,
            latestURI: head.manifest,
            round: head.round,
            ...(step === undefined ? {} : { stepsAtRisk: Math.max(0, step.step - head.step) }),
          },
        }),
  };
}

/** The stage at work: one that ended, or that the next step has followed, is over. */
function stageOf(told: BusProgress | undefined): NonNullable<ProgressPart['progress']>['stage'] {
  const { stage, step } = told ?? {};
  if (stage === undefined || hasEnded(stage) || stage.time < (step?.time ?? 0)) return undefined;
  const { stage: type, subject, done, total, unit, note } = stage;
  const known = done !== undefined && total !== undefined && total > 0;
  const words = [...(known ? [amounts(done, total, unit)] : []), ...(note ? [note] : [])];
  return {
    type,
    ...(subject === undefined ? {} : { subject: subject.slice(0, longestText) }),
    ...(known ? { percent: Math.min(100, Math.floor((100 * done) / total)) } : {}),
    ...(words.length === 0 ? {} : { note: words.join('; ').slice(0, longestText) }),
  };
}

/** Of several files fetched at one time each tells its own end, with what is done of all. */
function hasEnded({ state, done, total }: TelemetryOf<'stage'>): boolean {
  return state === 'Done' && (done === undefined || total === undefined || done >= total);
}

const longestText = 1024;

function amounts(done: number, total: number, unit: TelemetryOf<'stage'>['unit']): string {
  if (unit === 'Bytes') return `${inMebibytes(done)} of ${inMebibytes(total)} MiB`;
  return `${done} of ${total}${unit === undefined ? '' : ` ${unit.toLowerCase()}`}`;
}

function inMebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
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

/**
 * Numbers that are not finite come as null: then nothing is said, and a warning of the worker says
 * why.
 */
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
    before.checkpoint?.latestStep !== after.checkpoint?.latestStep ||
    !isDeepStrictEqual(before.progress?.stage, after.progress?.stage)
  );
}

/**
 * A commit is written at once, and so is the start of a long stage before or after training; a step
 * can wait for its turn.
 */
export function isUrgent(before: ProgressPart, after: ProgressPart): boolean {
  const stage = after.progress?.stage?.type;
  const begins = stage !== undefined && stage !== before.progress?.stage?.type;
  return (
    before.checkpoint?.latestStep !== after.checkpoint?.latestStep ||
    (begins && longStages.has(stage))
  );
}

/** Few of them in the life of a job, unlike evaluations. */
const longStages: ReadonlySet<string> = new Set(['Fetch', 'Prepare', 'Export', 'Upload']);
