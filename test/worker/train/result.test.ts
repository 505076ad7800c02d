import test from 'ava';
import { chooseResult } from '../../../worker/train/result.ts';
import { aSpec } from '../../builders/job.ts';

const kept = async () => true;

const point = (step: number, loss: number) => ({
  ...{ step, loss, perplexity: Math.exp(loss), accuracy: 0.5, tokens: 9 },
});

/** The best of three is the second. */
const worse = {
  step: 9,
  best: { step: 6, value: 1.5 },
  evaluations: [point(0, 3), point(3, 2), point(6, 1.5), point(9, 1.75)],
};

test('the best step is published, and the reason names it, its measure and the end', async (t) => {
  const asked: number[] = [];
  const isKept = async (step: number) => {
    asked.push(step);
    return true;
  };
  t.deepEqual(await chooseResult(worse, aSpec(), isKept), {
    step: 6,
    choice: 'Best',
    why: 'step 6 has the lowest held-out loss of 3 evaluations; the run ended with step 9',
  });
  t.deepEqual(asked, [6]);
});

test('what early stopping measures decides, and a change that it does not count is told', async (t) => {
  const evaluation = { earlyStopping: { metric: 'Accuracy', patience: 2, minDelta: '0.01' } };
  const spec = aSpec({ 'training.evaluation': evaluation, 'dataset.heldOut': { samples: 4 } });
  t.is(
    (await chooseResult(worse, spec, kept)).why,
    'step 6 has the highest held-out accuracy of 3 evaluations, changes below 0.01 not counted; the run ended with step 9',
  );
});

test('the last step is published where it is the best, or nothing was measured', async (t) => {
  const never = () => t.fail() as never;
  const good = { ...worse, best: { step: 9, value: 1 } };
  t.deepEqual(await chooseResult(good, aSpec(), never), {
    ...{ step: 9, choice: 'Last' },
    why: 'the last step, which has the lowest held-out loss of 3 evaluations',
  });
  const once = { step: 9, best: { step: 9, value: 1 }, evaluations: [point(0, 3), point(9, 1)] };
  t.is(
    (await chooseResult(once, aSpec(), never)).why,
    'the last step, which has the lowest held-out loss of the only evaluation after the start',
  );
  t.deepEqual(await chooseResult({ step: 9, best: null, evaluations: [] }, aSpec(), never), {
    ...{ step: 9, choice: 'Last' },
    why: 'the last step; there was no evaluation on held-out records',
  });
});

test('a best step that is not kept, or lost, is named beside the last one that is published', async (t) => {
  const at = 'step 6 has the lowest held-out loss of 3 evaluations';
  const notKept = aSpec({ 'checkpoint.retain': { best: 0 } });
  t.deepEqual(await chooseResult(worse, notKept, kept), {
    ...{ step: 9, choice: 'Last' },
    why: `the last step; ${at}, but spec.checkpoint.retain.best is 0`,
  });
  t.deepEqual(await chooseResult(worse, aSpec(), async () => false), {
    ...{ step: 9, choice: 'Last' },
    why: `the last step; ${at}, but its checkpoint no longer exists`,
  });
});
