import test from 'ava';
import { checkpointsOf } from '../../../cli/jobs/checkpoints.ts';
import { mostKeptTold, type Telemetry } from '../../../crds/wire/telemetry.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const saved = (step: number, kept?: readonly number[]): Telemetry => ({
  ...{ type: 'checkpoint', time: 1000 + step, step, path: `/volumes/notes/step-${step}` },
  ...{ bytes: 9, ms: 1 },
  ...(kept === undefined ? {} : { kept: [...kept] }),
});
const stepsOf = async (messages: readonly Telemetry[], checkpoint: object = {}) =>
  (await checkpointsOf(aListedJob({ status: { checkpoint } }), messages)).map(({ step }) => step);

test('of all that were ever written, those are listed that are there now', async (t) => {
  const messages = Array.from({ length: 58 }, (_, index) => {
    const step = index + 1;
    return saved(
      step,
      [7, step - 2, step - 1, step].filter((one) => one > 0),
    );
  });
  t.deepEqual(await stepsOf(messages), [7, 56, 57, 58]);
});

test('what other workers say late brings nothing back; what is newer than the list is listed', async (t) => {
  const messages = [saved(4, [4]), saved(5, [4, 5]), saved(6, [5, 6]), saved(4), saved(7)];
  t.deepEqual(await stepsOf(messages, { latestStep: 6 }), [5, 6, 7]);
  t.deepEqual(await stepsOf(messages, { latestStep: 9 }), [5, 6, 7, 9]);
});

test('a list of full length says nothing of older ones', async (t) => {
  const kept = Array.from({ length: mostKeptTold }, (_, index) => index + 3);
  const messages = [saved(1), saved(4), saved(600), saved(700, kept)];
  t.deepEqual(await stepsOf(messages), [1, 4]);
});

test('where nobody hears the workers there is what the status names', async (t) => {
  t.deepEqual(await stepsOf([], { latestStep: 40 }), [40]);
  t.deepEqual(await stepsOf([]), []);
});
