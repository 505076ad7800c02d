// After training: whether it ended well, and the publish Job that takes the result where it
// belongs. It needs no device and no quota, so a suspended job publishes too.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { Exit, failureOf } from '../../crds/failures/table.ts';
import { publishesInWorker } from '../../crds/plan/publication.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import { adapterObject } from '../objects/adapter.ts';
import { publishJob } from '../objects/io-job.ts';
import { auxiliaryQueue } from '../objects/scheduling.ts';
import { conditionOf } from '../runtime/conditions.ts';
import { deadlineOf, overdue } from './deadline.ts';
import { type Call, none, type PolicyResult, together } from './decision.ts';
import { stalledBy } from './initialize.ts';
import { progressOf } from './io-progress.ts';
import { isStalling } from './pod-problems.ts';
import { poolJobOf } from './pooled.ts';
import { auxiliaryAdmitted, auxiliaryHeld, enqueued } from './queue.ts';
import { complete, fail } from './settle.ts';
import { groundwork, healPlan, surroundings } from './surroundings.ts';
import { earliest, later, type View } from './view.ts';
import { plannedMemory } from './workers.ts';

type Ending = 'Finished' | 'FinishedEarly';

export function publish(view: View): PolicyResult {
  const ending = trainedTo(view);
  if (ending === undefined) return none;
  const { facts } = view;
  const job = facts.publishes.findLast(({ isDeleting }) => !isDeleting);
  const stopped: PolicyResult = {
    conditions: [
      { type: 'Running', status: 'False', reason: ending, message: 'training ended well' },
      ...settled(view),
    ],
  };
  if (job === undefined) {
    return together(stopped, byWorker(view, ending) ?? create(view));
  }
  const late = overdue(view);
  if (late !== undefined && job.outcome === undefined) return together(stopped, late);
  const held = job.outcome === undefined ? auxiliaryHeld(view, job) : undefined;
  if (held !== undefined)
    return together(stopped, together(publishing('Pending', held.message), held));
  const admitted = together(stopped, auxiliaryAdmitted(view));
  const progress = progressOf(view, job, 'publish');
  switch (progress.type) {
    case 'Done':
      return together(admitted, published(view, progress.terminationMessage?.published, ending));
    case 'Failed': {
      const { code, message } = progress.failure;
      const failed = fail(view, progress.failure);
      const { reason } = failureOf(code ?? 'E_PUBLISH_FAILED');
      const own = { ...publishing(reason, message), final: true };
      return together(together(stopped, own), code === undefined ? own : failed);
    }
    case 'Working': {
      const { problem, wakeAt } = progress;
      return together(admitted, {
        ...publishing(
          problem?.reason ?? 'Publishing',
          problem?.message ?? 'the result is being written',
        ),
        calls: healPlan(view),
        ...(problem !== undefined && isStalling(problem) ? { stalled: stalledBy(problem) } : {}),
        wakeAt: earliest(wakeAt, deadlineOf(view)),
      });
    }
    default:
      return progress satisfies never;
  }
}

/**
 * Where the worker writes the result itself: done, or in progress; undefined where a Job has to do
 * it.
 */
function byWorker(view: View, ending: Ending): PolicyResult | undefined {
  if (!publishesInWorker(view.spec)) return undefined;
  const { workerPods: pods } = view;
  const isOver = view.workers?.outcome !== undefined;
  const done = pods.find(({ end }) => end?.terminationMessage?.published);
  if (done?.end !== undefined) {
    // The Job controller notices a second later. To end the job sooner would scale its worker Job
    // to nothing, and that would never be Complete.
    const until = later(jobLagSeconds, done.end.finishedAt);
    if (isOver || view.facts.now >= until) {
      return published(view, done.end.terminationMessage?.published, ending);
    }
    return { ...inWorker, wakeAt: until };
  }
  if (isOver || view.livePods.length === 0 || isForgotten(view)) return undefined;
  return overdue(view) ?? { ...inWorker, wakeAt: deadlineOf(view) };
}

/**
 * The bus lost its storage since: a worker that starts again finds no result there, and waits for a
 * world that does not form.
 */
function isForgotten({ bus }: View): boolean {
  return bus !== undefined && bus.state?.result === undefined;
}

const jobLagSeconds = 30;

/**
 * How training ended, where it ended well. Once in the status it stays: pods and bus may be gone by
 * now.
 */
function trainedTo(view: View): Ending | undefined {
  const running = conditionOf(view.status.conditions ?? [], 'Running')?.reason;
  if (running === 'Finished' || running === 'FinishedEarly') return running;
  const told = poolJobOf(view);
  if (told?.state === 'Trained') return told.reason ?? 'Finished';
  const result = view.bus?.state?.result;
  if (result?.type === 'Succeeded') return result.reason;
  const { workers } = view;
  // A worker exits with 0 only once the record has the result. A bus that lost its storage since
  // has forgotten it, and the Job never replaces that worker: no world would form again.
  const done = view.workerPods.filter(({ end }) => end?.exitCode === Exit.Done);
  if (done.length === 0 && workers?.outcome?.type !== 'Complete') return undefined;
  const last = done.find(({ end }) => end?.terminationMessage?.finished);
  return last?.end?.terminationMessage?.finished?.reason ?? 'Finished';
}

function create(view: View): PolicyResult {
  const { facts, built } = view;
  const attempt = (facts.publishes.at(-1)?.number ?? 0) + 1;
  const planned = plannedMemory(view.status);
  const manifest = publishJob({ job: built, settings: facts.site.settings, attempt, planned });
  const { conditions = [], ...rest } = publishing('Publishing', 'the result is being written');
  return {
    ...rest,
    conditions: [...conditions, ...enqueued(auxiliaryQueue(view.spec))],
    calls: [...groundwork(view), ...surroundings(view), { type: 'Create', kind: 'Job', manifest }],
  };
}

type Written = NonNullable<FineTuneJobStatus['artifacts']>;

type Published = NonNullable<TerminationMessage['published']>;

function published(view: View, told: Published | undefined, ending: Ending): PolicyResult {
  const artifacts = told?.artifacts ?? [];
  const written = artifacts.map(({ type, uri, digest, bytes, verdict, evaluation }) => ({
    ...{ type, uri },
    ...(digest === undefined ? {} : { digest }),
    ...(bytes === undefined ? {} : { size: String(bytes) }),
    ...(verdict === undefined ? {} : { verdict }),
    ...(evaluation === undefined ? {} : { evaluation }),
  }));
  const doubtful = new Set(artifacts.flatMap((one) => (one.verdict === 'Warn' ? [one.type] : [])));
  const warning =
    doubtful.size === 0 ? '' : `; its evaluation warns of ${[...doubtful].join(' and ')}`;
  const uris = written.map(({ uri }) => uri).join(', ') || 'where the job says';
  const calls = recorded(view, written, told?.model);
  // A job that ended is not looked at again, so it does not end while its record is refused.
  if (calls.length > 0 && view.facts.refused !== undefined) {
    return { ...publishing('Recording', `the result is at ${uris}`), calls };
  }
  return together(
    {
      conditions: [
        {
          type: 'Published',
          status: 'True',
          reason: doubtful.size === 0 ? 'Uploaded' : 'UploadedWithWarning',
          message: `the result is at ${uris}${warning}`,
        },
      ],
      status: { artifacts: written },
      calls,
    },
    complete(view, ending),
  );
}

function recorded(
  { facts, built, status }: View,
  written: Written,
  model: Published['model'],
): readonly Call[] {
  const manifest = adapterObject(built, status, { artifacts: written, model });
  return facts.site.hasAdapters && manifest !== undefined ? [{ type: 'Record', manifest }] : [];
}

const inWorker: PolicyResult = publishing(
  'InWorker',
  'the worker writes the result before it ends',
);

function publishing(reason: string, message: string): PolicyResult {
  return { conditions: [{ type: 'Published', status: 'False', reason, message }], final: true };
}

/** Conditions about workers that would otherwise stay as they were when the workers ended. */
function settled({ status }: View): NonNullable<PolicyResult['conditions']> {
  return (['PodsReady', 'Restarting', 'Resizing'] as const)
    .filter((type) => conditionOf(status.conditions ?? [], type)?.status === 'True')
    .map((type) => ({
      type,
      status: 'False' as const,
      reason: { PodsReady: 'Pending', Restarting: 'Restarted', Resizing: 'Resized' }[type],
      message: 'training ended',
    }));
}
