import test from 'ava';
import { isUrgent, progressPart, tellsMore } from '../../../operator/job/progress.ts';
import { aBus, aState, now } from '../../builders/job-facts.ts';

const step = {
  ...{ time: now / 1000 - 2, type: 'step' as const, step: 30, totalSteps: 120, epoch: 0.25 },
  ...{ loss: 1.23456, learnedTokens: 5, tokens: 10, tokensSeen: 300, tokensPerSecond: 99.6 },
  ...{ gradNorm: null, clipFactor: 1, learningRate: 0.0002 },
  stepMs: { total: 500, compute: 400, data: 10 },
  memory: { now: 1, peak: 2 },
};
const head = {
  step: 20,
  generation: 2,
  manifest: 'step-20/gen-2',
  digest: 'd',
  time: '2026-01-01T11:00:00Z',
};

test('steps become numbers that people read, and what is not finite is left out', (t) => {
  const { progress } = progressPart({ step, evaluation: undefined }, { type: 'Absent' }, now);
  t.like(progress, {
    ...{ step: 30, totalSteps: 120, percent: 25, trainLoss: '1.2346', epoch: '0.25' },
    ...{ tokensPerSecond: '100', learningRate: '0.0002', updatedAt: '2026-01-01T11:59:58Z' },
    estimatedCompletionTime: '2026-01-01T12:00:43Z',
  });
  t.false('gradientNorm' in (progress ?? {}));
});

test('a checkpoint says how many steps a loss would cost now', (t) => {
  const bus = aBus({ state: aState({ checkpoint: head }) });
  const { checkpoint } = progressPart({ step, evaluation: undefined }, bus, now);
  t.like(checkpoint, {
    latestStep: 20,
    generation: 2,
    latestURI: 'step-20/gen-2',
    stepsAtRisk: 10,
  });
});

test('nothing is said of a job that told nothing', (t) => {
  t.deepEqual(progressPart(undefined, { type: 'Absent' }, now), {});
});

test('times alone are not worth a write, a commit is worth one at once', (t) => {
  const part = progressPart({ step, evaluation: undefined }, { type: 'Absent' }, now);
  const later = { progress: { ...part.progress, updatedAt: 'later' } };
  t.false(tellsMore(part, later));
  t.true(tellsMore(part, { progress: { ...part.progress, step: 31 } }));
  t.false(isUrgent(part, { progress: { ...part.progress, step: 31 } }));
  t.true(isUrgent(part, { checkpoint: { latestStep: 1 } }));
});
