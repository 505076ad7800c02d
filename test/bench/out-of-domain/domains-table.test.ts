import test from 'ava';
import { domainsTables } from './domains-table.ts';
import type { Outcome } from './outcome.ts';

const titles = {
  methods: { none: 'as it is', lora: 'LoRA' },
  domains: { learned: 'held out', read: 'a person' },
};
const training = {
  ...{ steps: 60, trained: 1000, lastLoss: 1, stepMs: 10, peakBytes: 2 ** 20 },
  ...{ plannedBytes: 2 ** 21, adapterBytes: 5000 },
};

function outcome(method: string, errors: number, own: Partial<Outcome> = {}): Outcome {
  const heard = { loss: errors / 10, errors, words: 40 };
  return {
    ...{ method, seed: errors, digest: '', learningRate: '1e-3', load: 1, training },
    ...{ heard: { learned: heard, read: { ...heard, errors: 4 } } },
    ...own,
  };
}

const rowsOf = (tables: string) =>
  tables.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));

test('rates of errors are those of each seed, and what was not trained costs nothing', (t) => {
  const rows = rowsOf(
    domainsTables(titles, [
      ...[outcome('lora', 8), outcome('lora', 2), outcome('lora', 4)],
      outcome('none', 20, { training: undefined, learningRate: '' }),
    ]),
  );
  t.deepEqual(rows[2]?.slice(1, 7), [
    'as it is',
    '',
    '',
    '1',
    '50.0 (50.0–50.0)',
    '2.000 (2.000–2.000)',
  ]);
  t.deepEqual(rows[3]?.slice(1, 8), [
    ...['LoRA', '1e-3', '60', '3', '10.0 (5.0–20.0)', '0.400 (0.200–0.800)', '10.0 (10.0–10.0)'],
  ]);
  t.is(rows.length, 8);
  t.deepEqual(rows.at(-1)?.slice(1, 9), [
    ...['LoRA', '1e-3', '60', '1,000', '10 (10–10)', '1 (1–1)', '2', '5 (5–5)'],
  ]);
});

test('runs of another rate, or of other steps, have a row of their own', (t) => {
  const fewer = { ...training, steps: 20 };
  const rows = rowsOf(
    domainsTables(titles, [
      ...[outcome('lora', 8), outcome('lora', 2, { learningRate: '1e-4' })],
      outcome('lora', 2, { training: fewer }),
    ]),
  );
  t.deepEqual(
    rows.slice(2, 5).map(([, , rate, steps, seeds]) => [rate, steps, seeds]),
    [
      ['1e-3', '60', '1'],
      ['1e-4', '60', '1'],
      ['1e-3', '20', '1'],
    ],
  );
});
