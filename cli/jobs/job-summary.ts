import { type Job, methodOf, modelOf, phaseOf } from './job.ts';

/** The fields of `-o json`; fields are only ever added. */
export function jobSummary(job: Job): object {
  const { status } = job;
  return {
    namespace: job.namespace,
    name: job.name,
    uid: job.uid,
    phase: phaseOf(job),
    reason: status.failure?.reason,
    unread: job.unread?.message,
    step: status.progress?.step,
    totalSteps: status.progress?.totalSteps,
    trainLoss: numberOf(status.progress?.trainLoss),
    evalLoss: numberOf(status.progress?.evalLoss),
    tokensPerSecond: numberOf(status.progress?.tokensPerSecond),
    tokensSeen: status.progress?.tokensSeen,
    workers: status.workers?.summary,
    restarts: status.restarts?.counted ?? 0,
    method: methodOf(job).name,
    model: modelOf(job),
    createdAt: job.createdAt,
    completedAt: status.completionTime,
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
