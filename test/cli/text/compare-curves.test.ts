import test from 'ava';
import { historyOf } from '../../../cli/metrics/history.ts';
import { ascii, braille } from '../../../cli/terminal/glyphs.ts';
import { curvePicture } from '../../../cli/text/compare-curves.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { aStep } from '../../builders/run-messages.ts';

const job = aListedJob({ name: 'halo' });
const count = 20_000;

/** Flat, but for one value. */
function flatBut(step: number, value: number) {
  const messages = Array.from({ length: count }, (_, index): Telemetry => {
    const one = aStep(index + 1, count) as Extract<Telemetry, { type: 'step' }>;
    return { ...one, gradNorm: index + 1 === step ? value : 1 };
  });
  return { job, history: historyOf(messages) };
}

test('of a run of many steps no spike is lost, wherever it is', (t) => {
  for (const step of [1, 7_777, count]) {
    const drawn = { metric: 'grad_norm', axis: 'step' } as const;
    const size = { width: 80, height: 6 };
    const picture = curvePicture([flatBut(step, 500)], drawn, size, ascii);
    const [top] = picture?.rows ?? [];
    const at =
      top?.pieces
        .map(({ text }) => text)
        .join('')
        .indexOf('*') ?? -1;
    const columns = top?.pieces.length ?? 0;
    // A mean of ten follows a spike: the column of the step, or the next one.
    t.true(Math.abs(at - ((step - 1) / (count - 1)) * (columns - 1)) <= 1.5, `${step} at ${at}`);
  }
});

test('what is not finite leaves a gap and no picture where there is nothing else', (t) => {
  const { history } = flatBut(5, Number.NaN);
  const nothing = { ...history, steps: history.steps.map((one) => ({ ...one, loss: null })) };
  const drawn = { metric: 'loss', axis: 'tokens' } as const;
  const size = { width: 80, height: 6 };
  t.is(curvePicture([{ job, history: nothing }], drawn, size, braille), undefined);
});
