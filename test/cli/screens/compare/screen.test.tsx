import test from 'ava';
import { renderToString } from 'ink';
import type { Display } from '../../../../cli/components/line.tsx';
import type { Compared } from '../../../../cli/metrics/comparison.ts';
import { historyOf } from '../../../../cli/metrics/history.ts';
import { CompareScreen } from '../../../../cli/screens/compare/screen.tsx';
import { ascii, braille } from '../../../../cli/terminal/glyphs.ts';
import type { Telemetry } from '../../../../crds/wire/telemetry.ts';
import { aListedJob } from '../../../builders/listed-job.ts';
import { messagesOfARun } from '../../../builders/run-messages.ts';

process.env['TZ'] = 'UTC';

const messages = messagesOfARun(20);
const lower = messages.map(
  (message): Telemetry =>
    message.type === 'step' ? { ...message, loss: (message.loss ?? 0) - 0.5 } : message,
);
const all: readonly Compared[] = [
  {
    job: aListedJob({ name: 'halo-x7k2', status: { phase: 'Succeeded' } }),
    history: historyOf(messages),
  },
  {
    job: aListedJob({
      ...{ name: 'halo-fast', uid: 'other', status: { phase: 'Running' } },
      spec: { 'training.learningRate': '4e-4' },
    }),
    history: historyOf(lower.slice(0, 28)),
  },
];

function drawn(shown: readonly Compared[], columns: number, more: Partial<Display> = {}): string {
  const now = Date.parse('2026-01-01T04:33:00Z') / 1000;
  const display = { columns, rows: 30, glyphs: braille, color: false as const, now, ...more };
  const text = renderToString(
    <CompareScreen display={display} all={shown} away={[]} equal="tokens" metric="loss" />,
    { columns },
  );
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

for (const columns of [40, 80, 120]) {
  test(`two jobs beside each other at ${columns} columns`, (t) => {
    const text = drawn(all, columns);
    t.snapshot(text);
    for (const line of text.split('\n')) t.true([...line].length <= columns, line);
    for (const rows of [12, 20, 24, 50]) {
      t.is(drawn(all, columns, { rows }).split('\n').length, rows);
    }
  });
}

test('in plain letters each curve has its letter', (t) => {
  const text = drawn(all, 80, { glyphs: ascii });
  t.regex(text, /^[\n\u0020-\u007e]*$/);
  t.regex(text, /\| .*A/);
  t.regex(text, /\| .*B/);
});

test('before the first step there is nothing to compare, and that is said', (t) => {
  const text = drawn(
    all.map((one) => ({ ...one, history: historyOf([]) })),
    80,
  );
  t.regex(text, /no steps yet/);
  t.regex(text, /nothing can be compared/);
});

test('a source that is away is told with its job and since when', (t) => {
  const display = { columns: 80, rows: 30, glyphs: braille, color: false as const, now: 100 };
  const away = [{ name: 'halo-fast', since: 86, why: 'the bus does not answer' }];
  t.regex(
    renderToString(
      <CompareScreen display={display} all={all} away={away} equal="tokens" metric="loss" />,
      { columns: 80 },
    ),
    /stale 14 s · halo-fast: the bus does not answer/,
  );
});
