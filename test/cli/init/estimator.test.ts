import test from 'ava';
import { Estimator } from '../../../cli/init/estimator.ts';
import type { Answers } from '../../../cli/init/manifest-text.ts';
import { sourceOf } from '../../../cli/init/written-source.ts';
import type { DescribedModel } from '../../../crds/wire/described-model.ts';
import { described } from '../../builders/wizard.ts';

const answers: Answers = {
  ...{ goal: 'chat', classes: [], gpuMemory: undefined, prefer: 'speed' },
  ...{ model: sourceOf('a/b', () => false), data: sourceOf('a/c', () => false) },
};
const model = (described as { model: DescribedModel }).model;

/** Answers when told to. */
function patient() {
  const asked: {
    signal: AbortSignal;
    answer: (model: DescribedModel) => void;
    fail: (e: Error) => void;
  }[] = [];
  const estimator = new Estimator((_, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<DescribedModel>();
    asked.push({ signal, answer: resolve, fail: reject });
    return promise;
  });
  const changed = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    estimator.subscribe(resolve);
    return promise;
  };
  return { estimator, asked, changed };
}

test('a place is asked about once, and everybody is told when it is known', async (t) => {
  const { estimator, asked, changed } = patient();
  estimator.ask('one', answers);
  estimator.ask('one', answers);
  t.is(asked.length, 1);
  t.deepEqual(estimator.of('one'), { type: 'Asking' });
  const told = changed();
  asked[0]?.answer(model);
  await told;
  t.deepEqual(estimator.of('one'), { type: 'Known', model });
  estimator.ask('one', answers);
  t.is(asked.length, 1);
});

test('another place ends the question about the one before, which can be asked again', async (t) => {
  const { estimator, asked, changed } = patient();
  estimator.ask('one', answers);
  estimator.ask('two', answers);
  t.true(asked[0]?.signal.aborted);
  asked[0]?.answer(model); // too late
  const told = changed();
  asked[1]?.answer(model);
  await told;
  t.is(estimator.of('one'), undefined);
  estimator.ask('one', answers);
  t.is(asked.length, 3);
  estimator[Symbol.dispose]();
  t.true(asked[2]?.signal.aborted);
});

test('what cannot be looked at says why', async (t) => {
  const { estimator, asked, changed } = patient();
  estimator.ask('one', answers);
  const told = changed();
  asked[0]?.fail(new Error('no such place'));
  await told;
  t.deepEqual(estimator.of('one'), { type: 'Unknown', why: 'no such place' });
});
