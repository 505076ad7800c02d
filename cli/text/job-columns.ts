// A list of jobs as a table: the columns of the board and of `anneal list`.
import { type Job, methodOf, modelOf, phaseOf } from '../jobs/job.ts';
import { ageOf } from '../terminal/age.ts';
import { type Column, none } from '../terminal/columns.ts';
import { shortCount } from '../terminal/numbers.ts';
import { type Paint, styleOf } from '../terminal/palette.ts';

interface ListColumns {
  readonly wide: boolean;
  readonly namespaces: boolean;
  readonly now: Date;
  readonly paint: Paint;
}

export function jobColumns({ wide, namespaces, now, paint }: ListColumns): readonly Column<Job>[] {
  return [
    ...(namespaces
      ? [{ head: 'NAMESPACE', rank: 2, cell: ({ namespace }: Job) => namespace }]
      : []),
    { head: 'NAME', rank: 0, cell: ({ name }) => name },
    {
      head: 'PHASE',
      rank: 1,
      cell: phaseWords,
      paint: (job, text) => paint(text, styleOf(phaseOf(job))),
    },
    { head: 'STEP', rank: 3, right: true, cell: stepWords },
    { head: 'LOSS', rank: 4, right: true, cell: lossWords },
    { head: 'TOK/S', rank: 6, right: true, cell: speedWords },
    { head: 'WORKERS', rank: 5, right: true, cell: workersWords },
    { head: 'RESTARTS', rank: 9, right: true, cell: ({ status }) => restartWords(status) },
    { head: 'METHOD', rank: 7, cell: (job) => methodOf(job).name },
    ...(wide ? wideColumns : []),
    { head: 'AGE', rank: 8, right: true, cell: ({ createdAt }) => ageOf(createdAt, now) },
    { head: 'WHY', rank: 10, cell: reasonOf },
  ];
}

const wideColumns: readonly Column<Job>[] = [
  { head: 'MODEL', rank: 20, cell: modelOf },
  {
    head: 'TOKENS',
    rank: 21,
    right: true,
    cell: ({ status }) => shortCount(status.progress?.tokensSeen),
  },
  {
    head: 'CHECKPOINT',
    rank: 22,
    right: true,
    cell: ({ status }) => String(status.checkpoint?.latestStep ?? none),
  },
];

function phaseWords(job: Job): string {
  const phase = phaseOf(job);
  const words = [
    phase,
    ...(job.deleting ? ['deleting'] : []),
    ...(job.unread ? ['unreadable'] : []),
  ];
  return `${styleOf(phase).glyph} ${words.join(', ')}`;
}

function stepWords({ status: { progress } }: Pick<Job, 'status'>): string {
  const { step, totalSteps } = progress ?? {};
  if (step === undefined) return none;
  return totalSteps === undefined ? String(step) : `${step}/${totalSteps}`;
}

function lossWords({ status: { progress } }: Pick<Job, 'status'>): string {
  return progress?.trainLoss === undefined ? none : Number(progress.trainLoss).toFixed(3);
}

function speedWords(job: Pick<Job, 'status'>): string {
  const speed = job.status.progress?.tokensPerSecond;
  return phaseOf(job) === 'Running' && speed !== undefined ? shortCount(Number(speed)) : none;
}

export function workersWords({ status }: Pick<Job, 'status'>): string {
  return status.workers?.summary ?? none;
}

function restartWords({ restarts }: Job['status']): string {
  const counted = restarts?.counted ?? 0;
  const others = (restarts?.disruptions ?? 0) + (restarts?.resizes ?? 0);
  return others === 0 ? String(counted) : `${counted}+${others}`;
}

/** The reason beside a phase that is a problem, in one word. */
function reasonOf(job: Pick<Job, 'status' | 'unread'>): string {
  const { unread } = job;
  const { failure, conditions = [], queue } = job.status;
  if (failure !== undefined) return failure.reason;
  if (unread !== undefined) return 'NotReadable';
  const phase = phaseOf(job);
  if (phase === 'Succeeded') return '';
  const named = (type: string) =>
    conditions.find((each) => each.type === type && each.status === 'True')?.reason;
  if (phase === 'Queued') return queue?.name ?? '';
  const suspended = phase === 'Suspended' ? named('Suspended') : undefined;
  const unasked = suspended === 'SuspendedByUser' ? undefined : suspended;
  return named('Stalled') ?? named('Degraded') ?? named('Restarting') ?? unasked ?? '';
}
