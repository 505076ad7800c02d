// Whether the job could resume if it lost all pods now, and whether its newest state can be saved.
import { referencesOf } from '../objects/references.ts';
import { none, type PolicyResult } from './decision.ts';
import { has, type View } from './view.ts';

export function checkpointReady(view: View): PolicyResult {
  const { bus } = view;
  const step = bus?.state?.checkpoint?.step ?? view.status.checkpoint?.latestStep;
  const result = ready(view, step);
  const unsaved = bus?.unsaved;
  if (unsaved === undefined || unsaved.step <= (step ?? 0) || !has(view, 'Running')) return result;
  return { ...result, degraded: { reason: 'StorageFull', message: unsaved.message } };
}

function ready(view: View, step: number | undefined): PolicyResult {
  const condition = (status: 'True' | 'False', reason: string, message: string): PolicyResult => ({
    conditions: [{ type: 'CheckpointReady', status, reason, message }],
  });
  // Told once per phase of the job, not once per checkpoint: the step is in status.checkpoint.
  if (step !== undefined)
    return condition('True', 'Committed', 'a committed checkpoint can be resumed');
  if (!hasDestination(view)) {
    return condition(
      'False',
      'NoDestination',
      'checkpoints have no destination that outlives the pods; a lost pod starts again at step 0',
    );
  }
  return has(view, 'Running')
    ? condition('False', 'NeverSaved', 'no checkpoint was committed yet')
    : none;
}

function hasDestination({ built, spec }: View): boolean {
  return referencesOf(built).shared !== undefined || spec.checkpoint.destination !== undefined;
}
