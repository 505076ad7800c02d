// The answer of `why` when no operator acts on the job, or when Kubernetes creates no pods for it.
// Its status then is out of date, and nothing in the status says so.
import { fieldManager, isTerminal } from '../../crds/index.ts';
import { ageInWords } from '../terminal/age.ts';
import { sentence } from '../terminal/sentence.ts';
import { type Job, phaseOf } from './job.ts';
import type { RefusedPods } from './refused-pods.ts';
import type { Surroundings } from './surroundings.ts';
import type { Why } from './why.ts';

/** An operator handles a new job within a second. */
const newSeconds = 60;
/** Progress is written every ten seconds while there is some. */
const silentSeconds = 600;

export function withSurroundings(job: Job, why: Why, around: Surroundings, command: string): Why {
  const seen = around.refused === undefined ? why : withRefusal(job, why, around.refused);
  const isOver = isTerminal(phaseOf(job)) && !job.deleting;
  return isOver ? seen : withOperator(job, seen, around, command);
}

function withRefusal(job: Job, why: Why, { job: child, words }: RefusedPods): Why {
  const told = `the cluster creates no pods for Job ${child}: ${words}`;
  if (isTerminal(phaseOf(job))) {
    return { ...why, happened: `${why.happened} ${sentence(told)}`, change: remedyOf(words) };
  }
  return {
    happened: sentence(told),
    doing: 'Kubernetes retries, with a longer pause each time.',
    change: remedyOf(words),
  };
}

/** By the message of Kubernetes; an admission policy describes what it wants. */
function remedyOf(words: string): string {
  if (/exceeded quota|failed quota|must specify/i.test(words)) {
    return 'Ask for less, wait until others end, or ask for more quota in this namespace.';
  }
  if (/service ?account/i.test(words)) {
    return 'Create the account in this namespace, or name another one in spec.worker.serviceAccountName.';
  }
  return 'Change what it names, or ask the owner of that policy.';
}

function withOperator(job: Job, why: Why, { operator, now }: Surroundings, command: string): Why {
  const { at, state } = operator;
  switch (state.type) {
    case 'Renewed':
      return unseen(job, now) ? { ...why, ...overlooked(job, now) } : why;
    case 'Stale':
      return unattended(job, why, command, {
        found: `its lease ${at} was last renewed ${ageInWords(secondsSince(state.since, now))} ago`,
        now,
      });
    case 'Absent': {
      // The chart may be in another namespace: its operator still writes the status.
      const written = lastWritten(job);
      if (written !== undefined && secondsSince(written, now) < newSeconds) return why;
      return unattended(job, why, command, { found: `there is no lease ${at}`, now });
    }
    case 'Hidden':
      return perhapsUnattended(job, why, at, now);
  }
}

function unattended(
  job: Job,
  why: Why,
  command: string,
  { found, now }: { readonly found: string; readonly now: Date },
): Why {
  const { progress } = job.status;
  const step = progress?.step === undefined ? '' : `, step ${progress.step}`;
  const written = lastWritten(job);
  const since =
    written === undefined
      ? ''
      : ` The status is ${ageInWords(secondsSince(written, now))} old: ${phaseOf(job)}${step}.`;
  const last = written === undefined ? why.happened : since.trim();
  const missing = `${command} doctor shows what is missing. ANNEAL_SYSTEM_NAMESPACE and ANNEAL_RELEASE name the namespace and release of the chart, if they are others.`;
  const pods = (job.status.workers?.replicas ?? 0) > 0 ? ' Its pods continue alone.' : '';
  return {
    happened: `No operator acts on the job: ${found}. ${last}`,
    doing: `Nothing is started, restarted, saved in the status or published until one runs.${pods}`,
    change: job.unread === undefined ? missing : `${why.change} ${missing}`,
  };
}

/** The lease may not be read: use only what the job itself shows. */
function perhapsUnattended(job: Job, why: Why, at: string, now: Date): Why {
  const hidden = `Whether an operator runs cannot be seen: the lease ${at} may not be read`;
  if (unseen(job, now)) {
    return { ...overlooked(job, now), change: `${hidden}; ask the administrator of the cluster.` };
  }
  const written = lastWritten(job);
  if (written === undefined || !isMoving(job)) return why;
  const silent = secondsSince(written, now);
  if (silent < silentSeconds) return why;
  return {
    ...why,
    happened: `${why.happened} Its status was last written ${ageInWords(silent)} ago.`,
    doing: `${hidden}.`,
    change: why.change || 'Ask the administrator of the cluster; wait if a step takes that long.',
  };
}

/** An operator should have handled the job long ago. */
function unseen(job: Job, now: Date): boolean {
  const { phase, conditions = [] } = job.status;
  const isNew = phase === undefined && conditions.length === 0;
  return (
    isNew && job.unread === undefined && secondsSince(new Date(job.createdAt), now) > newSeconds
  );
}

function overlooked({ createdAt }: Job, now: Date): Pick<Why, 'happened' | 'doing' | 'change'> {
  const age = ageInWords(secondsSince(new Date(createdAt), now));
  return {
    happened: `No operator has handled the job in the ${age} since it was created.`,
    doing: 'An operator that watches this namespace does so within seconds.',
    change: 'Check operator.namespaces of the chart and spec.managedBy of the job.',
  };
}

/** Whether its status changes without a user's action. */
function isMoving(job: Job): boolean {
  return !['Pending', 'Queued', 'Suspended'].includes(phaseOf(job));
}

/** When the operator last wrote the status, from managedFields. */
function lastWritten({ object, status }: Job): Date | undefined {
  const { metadata } = object as { metadata?: { managedFields?: readonly ManagedFields[] } };
  const managers: readonly string[] = Object.values(fieldManager);
  const times = (metadata?.managedFields ?? [])
    .filter(
      ({ manager, subresource }) => subresource === 'status' && managers.includes(manager ?? ''),
    )
    .map(({ time }) => Date.parse(time ?? ''));
  const updated = Date.parse(status.progress?.updatedAt ?? '');
  const known = [...times, updated].filter((time) => !Number.isNaN(time));
  return known.length === 0 ? undefined : new Date(Math.max(...known));
}

interface ManagedFields {
  readonly manager?: string;
  readonly subresource?: string;
  readonly time?: string;
}

function secondsSince(time: Date, now: Date): number {
  return (now.getTime() - time.getTime()) / 1000;
}
