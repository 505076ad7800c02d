// Which state of a run is published: the best one by its loss or accuracy on held-out records, else
// the last.
import { parseDecimal } from '../../crds/schema/decimal.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { TrainerState } from '../checkpoint/trainer-state.ts';

type Result = NonNullable<RunReport['result']>;
type Outcome = Pick<TrainerState, 'step' | 'best' | 'evaluations'>;

/** `isKept` tells whether the checkpoint of the best step is on disk and intact. */
export async function chooseResult(
  { step, best, evaluations }: Outcome,
  { training, checkpoint }: RunRecord['spec'],
  isKept: (step: number) => Promise<boolean>,
): Promise<Result> {
  if (training.maxSteps === 0) return { step, choice: 'Last', why: 'nothing was trained' };
  const last = (why: string): Result => ({ step, choice: 'Last', why });
  if (best === null) return last('the last step; there was no evaluation on held-out records');
  const { metric = 'Loss', minDelta = '0' } = training.evaluation.earlyStopping ?? {};
  const words = metric === 'Loss' ? 'lowest held-out loss' : 'highest held-out accuracy';
  const count = evaluations.filter((point) => point.step > 0).length;
  const among = count === 1 ? 'the only evaluation after the start' : `${count} evaluations`;
  const delta = parseDecimal(minDelta) > 0 ? `, changes below ${minDelta} not counted` : '';
  if (best.step === step) return last(`the last step, which has the ${words} of ${among}${delta}`);
  const at = `step ${best.step} has the ${words} of ${among}${delta}`;
  if (checkpoint.retain.best === 0)
    return last(`the last step; ${at}, but spec.checkpoint.retain.best is 0`);
  if (!(await isKept(best.step)))
    return last(`the last step; ${at}, but its checkpoint no longer exists`);
  return { step: best.step, choice: 'Best', why: `${at}; the run ended with step ${step}` };
}
