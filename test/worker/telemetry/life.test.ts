import test from 'ava';
import {
  type Life,
  lifeIn,
  newLife,
  speedOf,
  withEvaluation,
  withSpeed,
  withWarning,
} from '../../../worker/telemetry/life.ts';

type Step = Parameters<typeof withSpeed>[1];

const step = (ms: number) => ({ stepMs: { total: ms }, tokensPerSecond: 1000 / ms }) as Step;
const lived = (speeds: readonly number[]): Life =>
  speeds.reduce((life, ms) => withSpeed(life, step(ms)), newLife(0));

test('speeds are medians over what was measured, and absent where nothing was', (t) => {
  t.deepEqual(speedOf(newLife(0)), {});
  t.deepEqual(speedOf(lived([4, 1, 2])), { stepMs: 2, tokensPerSecond: 500 });
});

test('the time of processors is a median of the steps that tell it', (t) => {
  const told = (ms: number) => ({ ...step(1), stepMs: { ...step(1).stepMs, processor: ms } });
  const life = [told(5), step(1), told(7), told(6)].reduce(withSpeed, newLife(0));
  t.is(speedOf(life).processorMs, 6);
  const { processorMs: _, ...speeds } = life.speeds;
  // As an earlier version left it.
  t.deepEqual(lifeIn({ ...life, speeds })?.speeds.processorMs, []);
});

test('a long run keeps as many speeds as a short one, evenly apart', (t) => {
  const { speeds } = lived(Array.from({ length: 100_000 }, (_, index) => index + 1));
  t.is(speeds.measured, 100_000);
  t.true(speeds.stepMs.length <= 512 && speeds.stepMs.length > 256);
  t.is(speeds.tokensPerSecond.length, speeds.stepMs.length);
  const gaps = new Set(speeds.stepMs.slice(1).map((each, i) => each - (speeds.stepMs[i] ?? 0)));
  t.deepEqual([...gaps], [speeds.every]);
  const { stepMs = 0 } = speedOf({ ...newLife(0), speeds });
  t.true(Math.abs(stepMs - 50_000) <= speeds.every, `${stepMs} is the middle of what was measured`);
});

test('warnings are kept from the first on, as many as are read', (t) => {
  let life = newLife(0);
  for (let step = 0; step < 300; step += 1) {
    life = withWarning(life, { reason: 'NonFinite', message: 'm', step });
  }
  t.is(life.warnings.length, 200);
  t.is(life.warnings[0]?.step, 0);
  t.deepEqual(withWarning(newLife(0), { reason: 'a', message: 'b' }).warnings, [
    { reason: 'a', message: 'b' },
  ]);
});

test('the time of evaluations adds up', (t) => {
  const point = { step: 1, loss: 1, perplexity: 1, accuracy: 1, tokens: 1, best: false };
  const evaluation = { type: 'evaluation', ...point, seconds: 2 } as const;
  t.is(withEvaluation(withEvaluation(newLife(0), evaluation), evaluation).evaluateSeconds, 4);
});

test('a checkpoint that tells nothing of a life, or not ours, tells nothing', (t) => {
  const life = lived([1, 2, 3]);
  t.deepEqual(lifeIn(JSON.parse(JSON.stringify(life))), life);
  t.is(lifeIn(undefined), undefined);
  t.is(lifeIn({ ...life, speeds: 7 }), undefined);
});
