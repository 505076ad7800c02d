// A run of this machine as spec and status of the contract, as an operator would write them. It
// states only what the files of the run say; a value that was not measured is absent.

import { evaluationWords } from '../../crds/evaluation/in-words.ts';
import type { FineTuneJobStatus, Phase, Telemetry, TelemetryOf } from '../../crds/index.ts';
import { apiVersion, failureOf, formatDecimal, isFailureCode, kind } from '../../crds/index.ts';
import type { OutcomeRecord } from '../../crds/wire/run-folder.ts';
import type { FoundPrepared, StoredRun } from '../client/run-store.ts';
import { type Job, localNamespace, methodOf } from './job.ts';

interface RunNow {
  readonly run: StoredRun;
  /** A process owns the run folder. */
  readonly isRunning: boolean;
  /** Its newest messages, oldest first. */
  readonly last: readonly Telemetry[];
  readonly found: FoundPrepared | null;
}

export function runAsJob(now: RunNow): Job {
  const { run } = now;
  const { record, number, folder } = run;
  const name = `${record.name}/${number}`;
  const status = statusOf(now);
  const metadata = { name, namespace: localNamespace, creationTimestamp: record.createdAt };
  return {
    ...{ namespace: localNamespace, name, uid: folder, createdAt: record.createdAt },
    ...{ deleting: false, labels: {}, spec: record.spec, status },
    object: { apiVersion, kind, metadata, spec: record.spec, status },
  };
}

function statusOf({ run, isRunning, last, found }: RunNow): FineTuneJobStatus {
  const { record, outcome } = run;
  const { workers = 1 } = record;
  const step = newest(last, 'step');
  const checkpoint = newest(last, 'checkpoint');
  const phase = phaseOfRun(run.outcome, isRunning, last);
  const ended = phase === 'Succeeded' || phase === 'Failed';
  const failure = failureOfRun(outcome, step?.step);
  return {
    phase,
    ...(last[0] === undefined ? {} : { startTime: record.createdAt }),
    ...(ended && outcome !== null ? { completionTime: outcome.endedAt } : {}),
    ...(step === undefined ? {} : { progress: progressOf(step, last, isRunning) }),
    workers: { summary: `${isRunning ? workers : 0}/${workers}` },
    plan: { method: { summary: methodOf(record).summary } },
    ...(found === null ? {} : preparedParts(found)),
    ...(checkpoint === undefined
      ? {}
      : {
          checkpoint: {
            latestStep: checkpoint.step,
            latestTime: timeText(checkpoint.time),
            latestURI: checkpoint.path,
          },
        }),
    artifacts: last.filter((message) => message.type === 'artifact').flatMap(resultOf),
    ...(failure === undefined ? {} : { failure }),
    conditions: conditionsOf(phase, run.outcome, isRunning, record.createdAt, last),
  };
}

function preparedParts({
  prepared: { model, data },
  whole,
}: FoundPrepared): Pick<FineTuneJobStatus, 'model' | 'dataset'> {
  const { digest, samples, tokens, targetTokens } = data;
  const skipped = Object.values(data.skipped).reduce((sum, one) => sum + one, 0);
  return {
    model: { digest: model.digest, ...(whole && { wholeDigest: whole.digest }) },
    ...(data.train && { dataset: { digest, samples, tokens, targetTokens, skipped } }),
  };
}

/** One that was refused is no result. */
function resultOf({ format, path, evaluation }: TelemetryOf<'artifact'>) {
  if (evaluation === undefined) return [{ type: format, uri: path }];
  const { verdict = 'Disabled' } = evaluation;
  if (verdict === 'Refuse') return [];
  return [{ type: format, uri: path, verdict, evaluation: evaluationWords(evaluation) }];
}

/** A run without an owner and without a recorded end was killed; starting it again resumes it. */
function phaseOfRun(
  outcome: OutcomeRecord | null,
  isRunning: boolean,
  last: readonly Telemetry[],
): Phase {
  if (isRunning) {
    const step = newest(last, 'step');
    const stage = newest(last, 'stage');
    if (stage?.stage === 'Export' && stage.time >= (step?.time ?? 0)) return 'Publishing';
    if (step !== undefined || newest(last, 'plan') !== undefined) return 'Running';
    return stage === undefined ? 'Pending' : 'Initializing';
  }
  if (outcome?.state === 'Complete') return 'Succeeded';
  return outcome?.state === 'Failed' ? 'Failed' : 'Suspended';
}

function progressOf(
  step: TelemetryOf<'step'>,
  last: readonly Telemetry[],
  isRunning: boolean,
): NonNullable<FineTuneJobStatus['progress']> {
  const evaluation = newest(last, 'evaluation');
  const left = step.totalSteps - step.step;
  const pace = step.stepMs.total / 1000;
  return {
    step: step.step,
    totalSteps: step.totalSteps,
    percent: Math.floor((100 * step.step) / step.totalSteps),
    epoch: formatDecimal(step.epoch, 6),
    tokensSeen: step.tokensSeen,
    learningRate: formatDecimal(step.learningRate, 6),
    updatedAt: timeText(step.time),
    ...decimal('trainLoss', step.loss),
    ...decimal('gradientNorm', step.gradNorm),
    ...decimal('evalLoss', evaluation?.loss),
    ...(isRunning
      ? {
          tokensPerSecond: formatDecimal(step.tokensPerSecond, 6),
          ...(left > 0 ? { estimatedCompletionTime: timeText(step.time + left * pace) } : {}),
        }
      : {}),
  };
}

function decimal<K extends string>(
  key: K,
  value: number | null | undefined,
): Partial<Record<K, string>> {
  if (value === undefined || value === null) return {};
  return { [key]: formatDecimal(value, 6) } as Record<K, string>;
}

function failureOfRun(
  outcome: OutcomeRecord | null,
  step: number | undefined,
): FineTuneJobStatus['failure'] {
  if (outcome?.state !== 'Failed') return undefined;
  const { code = 'E_INTERNAL', message = 'the run said nothing before it ended' } = outcome;
  const reason = isFailureCode(code) ? failureOf(code).reason : 'Unknown';
  return { code, reason, message, ...(step === undefined ? {} : { step }) };
}

function conditionsOf(
  phase: Phase,
  outcome: OutcomeRecord | null,
  isRunning: boolean,
  createdAt: string,
  last: readonly Telemetry[],
): NonNullable<FineTuneJobStatus['conditions']> {
  const at = outcome?.endedAt ?? timeText(last.at(-1)?.time ?? Date.parse(createdAt) / 1000);
  // While it runs, the time of the last message is not a transition.
  const lastTransitionTime = isRunning ? createdAt : at;
  const is = (type: string, reason: string, message: string) => [
    { type, status: 'True' as const, lastTransitionTime, reason, message },
  ];
  if (phase === 'Succeeded') return is('Complete', 'Finished', 'the run finished');
  if (phase === 'Failed') {
    return is('Failed', 'Failed', outcome?.message ?? 'the run said nothing before it ended');
  }
  if (isRunning) return is('Running', 'Training', 'a process of this machine works on it');
  return outcome?.state === 'Stopped'
    ? is('Suspended', 'SuspendedByUser', 'stopped with Ctrl-C')
    : is('Suspended', 'Killed', 'its process was killed');
}

function newest<T extends Telemetry['type']>(
  messages: readonly Telemetry[],
  type: T,
): TelemetryOf<T> | undefined {
  return messages.findLast((message): message is TelemetryOf<T> => message.type === type);
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
