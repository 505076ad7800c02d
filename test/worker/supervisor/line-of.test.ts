import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { lineOf } from '../../../worker/supervisor/line-of.ts';
import { aPlan, aStep } from '../../builders/trainer-messages.ts';

const says = (body: TelemetryBody) => lineOf({ ...body, time: 0 });

test('messages read as sentences, each at its level', (t) => {
  t.is(says(aPlan())?.level, 'info');
  t.is(says(aStep(3))?.level, 'debug');
  t.regex(says({ ...aStep(3), loss: null })?.text ?? '', /loss not finite/);
  t.deepEqual(
    says({
      type: 'stage',
      stage: 'Fetch',
      state: 'Running',
      subject: 'model',
      done: 1,
      total: 2,
      unit: 'Bytes',
    }),
    {
      level: 'debug',
      text: 'Fetch running: model 1/2 bytes',
    },
  );
  t.is(says({ type: 'warning', reason: 'x', message: 'odd' })?.level, 'warn');
  t.is(
    says({ type: 'failure', code: 'E_DIVERGED', reason: 'x', message: 'm' })?.text,
    'm (E_DIVERGED)',
  );
});

test('what a model wrote stays out of the log', (t) => {
  t.is(says({ type: 'sample', step: 1, index: 0, prompt: 'p', text: 'anything' }), undefined);
});
