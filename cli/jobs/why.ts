// Why a job is in its state: what happened, what happens next without the user, what the user can
// do. The first cause is shown, not the last: a peer that left because another worker ran out of
// memory is not the cause.
import { type Failure, failureOf, failures, isFailureCode, type Phase } from '../../crds/index.ts';
import { clockText } from '../terminal/age.ts';
import { sentence } from '../terminal/sentence.ts';
import { artifactLines } from './artifact-lines.ts';
import { type Job, localNamespace, phaseOf, type Unread } from './job.ts';
import type { Surroundings } from './surroundings.ts';
import { withSurroundings } from './why-around.ts';

export interface Why {
  readonly happened: string;
  /** What happens automatically. */
  readonly doing: string;
  /** What the user can do; empty where nothing is needed. */
  readonly change: string;
  readonly code?: string;
}

/** From the status of the job alone, without its surroundings. */
export function whyOf(job: Job, command = 'anneal', around?: Surroundings): Why {
  const why = byStatus(job, command);
  return around === undefined ? why : withSurroundings(job, why, around, command);
}

function byStatus(job: Job, command: string): Why {
  if (job.deleting) {
    return {
      happened: 'The job is being deleted.',
      doing: 'Its pods are stopped, then the object is removed. Checkpoints and results stay.',
      change: '',
    };
  }
  const problem = conditionTrue(job, 'Stalled') ?? conditionTrue(job, 'Degraded');
  const phase = phaseOf(job);
  if (phase !== 'Failed' && phase !== 'Succeeded' && problem !== undefined) {
    const remedy = remedyFor(problem.reason, command);
    const { doing, change } = byPhase[phase](job, command);
    return { happened: sentence(problem.message), doing, change: remedy ?? change };
  }
  return byPhase[phase](job, command);
}

const isLocal = ({ namespace }: Job): boolean => namespace === localNamespace;

const byPhase: Readonly<Record<Phase, (job: Job, command: string) => Why>> = {
  Pending: (job, command) => {
    const judged = condition(job, 'Validated');
    if (judged?.status === 'False') return refused(judged, command);
    if (job.unread !== undefined) return unreadWords(job, job.unread, command);
    return {
      happened: 'The operator has not handled the job yet.',
      doing: 'A running operator handles new jobs within seconds.',
      change: `${command} doctor shows whether an operator runs.`,
    };
  },
  Initializing: (job) => ({
    happened: messageOf(job, 'Initialized') ?? 'Model and data are fetched, checked and prepared.',
    doing: 'Workers start when that is done.',
    change: '',
  }),
  Queued: (job) => waitsForPlace(job) ?? queuedWords(job),
  Starting: (job, command) => waitsForPool(job, command) ?? startingOf(job, command),
  Running: (job) => ({
    happened: runningWords(job),
    doing: 'No action is needed.',
    change: '',
  }),
  Resizing: (job) => ({
    happened: messageOf(job, 'Resizing') ?? 'The number of workers is changing.',
    doing: 'Workers save, form a new world and resume from that step.',
    change: '',
  }),
  Restarting: restartingWords,
  Suspending: () => ({
    happened: 'The job was paused; its workers are saving.',
    doing: 'They stop when the save is done.',
    change: '',
  }),
  Suspended: suspendedWords,
  Publishing: (job) => ({
    happened: messageOf(job, 'Published') ?? 'Training is over; the results are written.',
    doing: 'The job ends when all of them are at their destinations.',
    change: '',
  }),
  Succeeded: ({ status }) => ({
    happened: `It finished${status.progress?.step === undefined ? '' : ` after ${status.progress.step} steps`}.`,
    doing: 'Nothing more happens.',
    change: (status.artifacts ?? []).flatMap(artifactLines).join('\n'),
  }),
  Failed: failedWords,
};

function queuedWords({ status: { queue } }: Job): Why {
  return {
    happened: sentence(queue?.reason ?? `The queue ${queue?.name ?? ''} holds the workers back`),
    doing: 'They start when the queue admits them.',
    change: 'Ask the administrator of the queue, or request less.',
  };
}

function startingOf(job: Job, command: string): Why {
  return {
    happened: startingWords(job),
    doing: 'Training begins when all of them are ready.',
    change: (job.status.workers?.notReadyReasons ?? []).some(({ reason }) =>
      /Unschedulable/i.test(reason),
    )
      ? `No node has what they ask for: ${command} doctor shows the devices of the cluster.`
      : '',
  };
}

function waitsForPlace(job: Job): Why | undefined {
  const held = condition(job, 'QuotaReserved');
  if (held?.reason !== 'NoPoolCapacity') return undefined;
  return {
    happened: sentence(held.message),
    doing: 'It begins when other jobs of the pool have ended.',
    change: 'Raise spec.jobs or the memory of the TrainingPool, or wait.',
  };
}

function waitsForPool(job: Job, command: string): Why | undefined {
  const held = condition(job, 'Running');
  if (held?.reason !== 'WaitsForPool') return undefined;
  const pool = job.spec.packing?.pool ?? '';
  return {
    happened: sentence(held.message),
    doing: 'Training begins when the pod of the pool attaches the job.',
    change: `${command} why trainingpool/${pool} says how the pool is.`,
  };
}

/** The remedy of the failure that a condition's reason names. */
function remedyFor(reason: string, command: string): string | undefined {
  const known = Object.values(failures).find((failure) => failure.reason === reason);
  if (known === undefined) return undefined;
  return `${sentence(known.remedy)} ${command} explain ${reason} says more.`;
}

function failedWords(job: Job, command: string): Why {
  const { failure } = job.status;
  if (failure === undefined) {
    const message = conditionTrue(job, 'Failed')?.message ?? 'no reason was recorded';
    return { happened: sentence(message), doing: 'The job ended.', change: '' };
  }
  const { code = '', message, index, node, step } = failure;
  const locations = [
    ...(index === undefined ? [] : [`worker ${index}`]),
    ...(node === undefined ? [] : [`on node ${node}`]),
    ...(step === undefined ? [] : [`after step ${step}`]),
  ];
  const where = locations.length === 0 ? '' : ` (${locations.join(', ')})`;
  const known = isFailureCode(code) ? failureOf(code) : undefined;
  return {
    happened: sentence(`${message}${where}`),
    doing: doingWords(job, known),
    change: [
      ...(known === undefined ? [] : [sentence(known.remedy)]),
      ...(code === '' ? [] : [`${command} explain ${code} says more.`]),
    ].join(' '),
    ...(code === '' ? {} : { code }),
  };
}

function doingWords(job: Job, failure: Failure | undefined): string {
  const counted = job.status.restarts?.counted ?? 0;
  const kept = job.status.checkpoint?.latestStep;
  const saved = kept === undefined ? '' : ` The checkpoint of step ${kept} is kept.`;
  if (isLocal(job)) return `The run ended.${saved} The same command resumes it.`;
  const after = counted === 0 ? '' : ` after ${counted} ${counted === 1 ? 'restart' : 'restarts'}`;
  const why = failure?.retry === 'Permanent' ? '; a retry would fail the same way' : '';
  return `The job ended${after}${why}.${saved}`;
}

function restartingWords(job: Job): Why {
  const { restarts, checkpoint } = job.status;
  const from = checkpoint?.latestStep;
  const when = restarts?.nextStartTime;
  const counted = restarts?.counted ?? 0;
  const most = job.spec.failurePolicy.maxRestarts;
  return {
    happened: messageOf(job, 'Restarting') ?? sentence(restarts?.lastCause ?? 'Workers left'),
    doing:
      `The workers form a new world${from === undefined ? '' : ` and resume from step ${from}`}` +
      `${when === undefined ? '' : `, not before ${clockText(Date.parse(when) / 1000)}`}. ${counted} of ${most} restarts are used.`,
    change: '',
  };
}

function suspendedWords(job: Job, command: string): Why {
  const found = conditionTrue(job, 'Suspended');
  const step = job.status.checkpoint?.latestStep;
  const saved = step === undefined ? 'Nothing was saved yet.' : `Step ${step} is saved.`;
  if (isLocal(job)) {
    const message = found?.message ?? 'the run was stopped';
    return { happened: sentence(message), doing: saved, change: 'Run the same command again.' };
  }
  return {
    happened:
      found?.reason === 'SuspendedByUser'
        ? 'The job was paused: spec.suspend is true.'
        : sentence(found?.message ?? 'the job is paused'),
    doing: `There are no workers, and no devices are held. ${saved}`,
    change: `${command} resume ${job.name} resumes it.`,
  };
}

function startingWords({ status: { workers } }: Job): string {
  const { ready = 0, replicas = 0, notReadyReasons = [] } = workers ?? {};
  const reasons = notReadyReasons.map(({ reason, count, example }) => {
    const one = example === undefined ? '' : `, ${example} for one`;
    return `${count} ${reason}${one}`;
  });
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  return `${ready} of ${replicas} workers are ready${why}.`;
}

function runningWords(job: Job): string {
  const { progress } = job.status;
  if (progress?.step === undefined) return 'It trains; the first step is not done yet.';
  const of = progress.totalSteps === undefined ? '' : ` of ${progress.totalSteps}`;
  const loss =
    progress.trainLoss === undefined ? '' : `, loss ${Number(progress.trainLoss).toFixed(4)}`;
  return `It trains: step ${progress.step}${of}${loss}.`;
}

function refused({ reason, message }: Condition, command: string): Why {
  return {
    happened: sentence(message),
    doing: 'The operator waits for a change of the job.',
    change: `${command} explain ${reason} says more.`,
  };
}

function unreadWords({ name }: Job, { message }: Unread, command: string): Why {
  return {
    happened: sentence(message),
    doing: 'An operator that reads the job as this program does refuses it.',
    change: `Correct it with kubectl edit finetunejob ${name}, or remove it with ${command} cancel ${name}.`,
  };
}

type Condition = NonNullable<Job['status']['conditions']>[number];

function condition({ status }: Job, type: string): Condition | undefined {
  return status.conditions?.find((each) => each.type === type);
}

function conditionTrue(job: Job, type: string): Condition | undefined {
  const found = condition(job, type);
  return found?.status === 'True' ? found : undefined;
}

function messageOf(job: Job, type: string): string | undefined {
  const message = condition(job, type)?.message;
  return message === undefined || message === '' ? undefined : sentence(message);
}
