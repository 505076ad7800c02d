import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { hangsAt, hear, paceOf, startedAt } from '../../../worker/supervisor/trainer-facts.ts';
import { aPlan, aStep } from '../../builders/trainer-messages.ts';

const stamped = (body: TelemetryBody) => ({ ...body, time: 0 });

test('what a trainer says is folded into where it stands', (t) => {
  let facts = startedAt(0);
  t.is(facts.firstStep, undefined);
  facts = hear(facts, stamped({ ...aPlan(), firstStep: 5 }), 10);
  t.like(facts, { firstStep: 5, step: 5, stage: 'Train', heardAt: 10 });
  facts = hear(facts, stamped(aStep(6)), 20);
  facts = hear(facts, stamped({ type: 'checkpoint', step: 6, path: 'p', bytes: 1, ms: 1 }), 30);
  t.like(facts, { step: 6, saved: { step: 6, path: 'p' }, heardAt: 30 });
  facts = hear(facts, stamped({ type: 'stage', stage: 'Evaluate', state: 'Started' }), 40);
  t.is(facts.stage, 'Evaluate');
  facts = hear(facts, stamped({ type: 'stage', stage: 'Evaluate', state: 'Done' }), 50);
  t.is(facts.stage, 'Train');
});

test('silence between steps is a hang after the time-out, elsewhere after six of them', (t) => {
  const loading = startedAt(1000);
  t.is(hangsAt(loading, 10), 1000 + 60_000);
  const training = hear(loading, stamped(aPlan()), 2000);
  t.is(hangsAt(training, 10), 2000 + 10_000);
  const evaluating = hear(
    training,
    stamped({ type: 'stage', stage: 'Evaluate', state: 'Started' }),
    3000,
  );
  t.is(hangsAt(evaluating, 10), 3000 + 60_000);
});

test('where steps take long, ten of them may be waited for', (t) => {
  const step = { ...aStep(1), stepMs: { total: 5000, compute: 5000, data: 0 } };
  const facts = hear(hear(startedAt(0), stamped(aPlan()), 0), stamped(step), 0);
  t.is(hangsAt(facts, 10), 50_000);
});

test('its pace is the median of its own work in the last fifty steps', (t) => {
  const step = (total: number) => {
    const stepMs = { total, compute: total, data: 0, gather: 30, reduce: 20 };
    return stamped({ ...aStep(1), stepMs });
  };
  let facts = startedAt(0);
  for (let number = 0; number < 49; number++) facts = hear(facts, step(150), 0);
  t.is(paceOf(facts), undefined, 'too few');
  facts = hear(facts, step(950), 0);
  t.is(paceOf(facts), 100);
  for (let number = 0; number < 26; number++) facts = hear(facts, step(450), 0);
  t.is(paceOf(facts), 400);
});
