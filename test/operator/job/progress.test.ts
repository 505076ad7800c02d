import test from 'ava';
import { isUrgent, progressPart, tellsMore } from '../../../operator/job/progress.ts';
import { aBus, aState, now } from '../../builders/job-facts.ts';

const step = {
  ...{ time: now / 1000 - 2, type: 'step' as const, step: 30, totalSteps: 120, epoch: 0.25 },
  ...{ loss: 1.23456, targetTokens: 5, tokens: 10, tokensSeen: 300, tokensPerSecond: 99.6 },
  ...{ gradNorm: null, clipFactor: 1, learningRate: 0.0002 },
  stepMs: { total: 500, compute: 400, data: 10 },
  memory: { now: 1, peak: 2 },
};
const quiet = { step: undefined, evaluation: undefined, stage: undefined };
const head = {
  step: 20,
  round: 2,
  manifest: 'step-20/round-2',
  digest: 'd',
  time: '2026-01-01T11:00:00Z',
};

test('steps become numbers that people read, and what is not finite is left out', (t) => {
  const { progress } = progressPart({ ...quiet, step }, { type: 'Absent' }, { now });
  t.like(progress, {
    ...{ step: 30, totalSteps: 120, percent: 25, trainLoss: '1.2346', epoch: '0.25' },
    ...{ tokensPerSecond: '100', learningRate: '0.0002', updatedAt: '2026-01-01T11:59:58Z' },
    estimatedCompletionTime: '2026-01-01T12:00:43Z',
  });
  t.false('gradientNorm' in (progress ?? {}));
});

test('a checkpoint says how many steps a loss would cost now', (t) => {
  const bus = aBus({ state: aState({ checkpoint: head }) });
  const { checkpoint } = progressPart({ ...quiet, step }, bus, { now });
  t.like(checkpoint, {
    latestStep: 20,
    round: 2,
    latestURI: 'step-20/round-2',
    stepsAtRisk: 10,
  });
});

test('nothing is said of a job that told nothing', (t) => {
  t.deepEqual(progressPart(undefined, { type: 'Absent' }, { now }), {});
});

test('times alone are not worth a write, a commit is worth one at once', (t) => {
  const part = progressPart({ ...quiet, step }, { type: 'Absent' }, { now });
  const later = { progress: { ...part.progress, updatedAt: 'later' } };
  t.false(tellsMore(part, later));
  t.true(tellsMore(part, { progress: { ...part.progress, step: 31 } }));
  t.false(isUrgent(part, { progress: { ...part.progress, step: 31 } }));
  t.true(isUrgent(part, { checkpoint: { latestStep: 1 } }));
  const at = (type: string) => ({ progress: { ...part.progress, stage: { type } } });
  t.true(isUrgent(part, at('Upload')), 'the begin of an upload');
  t.false(isUrgent(at('Upload'), at('Upload')));
  t.false(isUrgent(part, at('Evaluate')), 'there may be many of them');
});

const fetching = {
  ...{ time: now / 1000, type: 'stage' as const, stage: 'Fetch' as const },
  ...{ state: 'Running' as const, subject: 'model', unit: 'Bytes' as const },
  ...{ done: 3 * 2 ** 20, total: 8 * 2 ** 20 },
};

test('work before the first step is told as a share and in amounts', (t) => {
  const part = progressPart({ ...quiet, stage: fetching }, { type: 'Absent' }, { now });
  t.deepEqual(part.progress, {
    stage: { type: 'Fetch', subject: 'model', percent: 37, note: '3.0 of 8.0 MiB' },
  });
});

test('a stage without amounts has no share, and one that is done is told no more', (t) => {
  const { done: _, total: __, ...unknown } = fetching;
  const of = (stage: typeof fetching | typeof unknown) =>
    progressPart({ ...quiet, stage }, { type: 'Absent' }, { now }).progress;
  t.deepEqual(of(unknown), { stage: { type: 'Fetch', subject: 'model' } });
  const done = { ...fetching, state: 'Done' as never };
  t.is(of({ ...done, done: fetching.total }), undefined);
  t.is(of(done)?.stage?.percent, 37, 'one file of several is done');
});

test('a step that follows a stage ends it; a stage after a step keeps the numbers of the step', (t) => {
  const after = { ...fetching, stage: 'Upload' as const };
  const before = { ...after, time: step.time - 1 };
  const of = (stage: typeof after) =>
    progressPart({ ...quiet, step, stage }, { type: 'Absent' }, { now }).progress;
  t.is(of(before)?.stage, undefined);
  t.like(of(after), { step: 30, stage: { type: 'Upload', percent: 37 } });
});

test('an operator that has just started keeps the numbers of its predecessor', (t) => {
  const before = { step: 7, totalSteps: 9, stage: { type: 'Evaluate' } };
  const part = progressPart({ ...quiet, stage: fetching }, { type: 'Absent' }, { now, before });
  t.like(part.progress, { step: 7, totalSteps: 9, stage: { type: 'Fetch' } });
});

test('of a job that has ended nothing is at work', (t) => {
  const told = { ...quiet, stage: fetching };
  t.deepEqual(progressPart(told, { type: 'Absent' }, { now, over: true }), {});
});

test('a stage that moves is worth a write, and so is its end', (t) => {
  const part = progressPart({ ...quiet, stage: fetching }, { type: 'Absent' }, { now });
  const moved = { ...fetching, done: 4 * 2 ** 20 };
  t.true(tellsMore(part, progressPart({ ...quiet, stage: moved }, { type: 'Absent' }, { now })));
  t.true(tellsMore(part, {}));
  t.false(tellsMore(part, part));
});
