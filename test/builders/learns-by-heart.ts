// What every way to train has to do before anything else is asked of it.
import type { ExecutionContext } from 'ava';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { train } from '../../worker/train/loop.ts';
import { countUp, Training, type TrainingOptions } from './toy-training.ts';
import { aSequence } from './training.ts';

/** A toy sees one text sixty times, and can say it then. */
export async function learnsByHeart(t: ExecutionContext, options: TrainingOptions): Promise<void> {
  const text = [aSequence([countUp(0, 12)])];
  const setting = { batches: [text], evaluation: text, plan: { totalSteps: 60 } };
  using training = new Training({ ...setting, ...options });
  const { state } = await train(training.parts, freshState);
  const [before, after] = state.evaluations.map(({ loss }) => loss ?? Number.NaN);
  t.true((before ?? 0) > Math.log(40), 'it begins worse than by guessing one of 40 tokens');
  // The right token is likelier than all others together.
  t.true((after ?? 9) < Math.log(2), `${before} to ${after}`);
}
