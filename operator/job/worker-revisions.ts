// From one worker Job to the next. The revision in status moves first, so that a Job which was
// removed on purpose is never taken for one that somebody else removed.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { Call } from './decision.ts';
import type { ChildJob } from './facts.ts';
import { removeJob } from './finalise.ts';
import type { View } from './view.ts';

interface NextRevision {
  readonly status: Partial<FineTuneJobStatus>;
  readonly calls: readonly Call[];
}

/** Removes the present worker Job for good; workers start again as the next revision. */
export function leaveRevision(view: View, workers: ChildJob | undefined): NextRevision {
  return {
    status: { workerRevision: view.workerRevision + 1, jobRef: undefined },
    calls: workers === undefined ? [] : [removeJob(workers.name, workers.uid)],
  };
}

/** Worker Jobs of other revisions, and gangs of theirs, are left over from an interrupted step. */
export function removeOutdated(view: View): readonly Call[] {
  const { workerRevision } = view;
  const groups = view.facts.children.filter(
    ({ kind, name }) => kind === 'PodGroup' && !name.endsWith(`-w${workerRevision}`),
  );
  return [
    ...outdatedWorkers(view).map(({ name, uid }) => removeJob(name, uid)),
    ...groups.map(
      ({ kind, name, uid }): Call => ({
        ...{ type: 'Delete', kind, name, uid },
        propagation: 'Background',
      }),
    ),
  ];
}

export function outdatedWorkers(view: View): readonly ChildJob[] {
  const { workerRevision } = view;
  return view.facts.workers.filter(
    ({ number, isDeleting }) => number !== workerRevision && !isDeleting,
  );
}
