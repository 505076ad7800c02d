import test from 'ava';
import { fewShotTables } from './few-shot-table.ts';
import type { Outcome } from './outcome.ts';

const methods = { lora: { title: 'LoRA' }, block: { title: 'Blocks' }, other: { title: 'Other' } };

function outcome(method: string, seed: number, after: number, own: Partial<Outcome> = {}): Outcome {
  return {
    ...{ method, seed, after, source: 'textiles', shots: 4, learningRate: '1e-3' },
    ...{ digest: `${method} ${seed}`, trained: 1000, before: 0.25, lastLoss: 1, stepMs: 10 },
    ...{ peakBytes: 2 ** 20, plannedBytes: 2 ** 21, adapterBytes: 5000, load: 1, endedAt: '' },
    ...own,
  };
}

const rowsOf = (tables: string) =>
  tables.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));

test('a difference is that of runs of one seed, and a method without runs has empty cells', (t) => {
  const rows = rowsOf(
    fewShotTables(methods, [
      ...[outcome('lora', 1, 0.5), outcome('lora', 2, 0.7), outcome('lora', 3, 0.9)],
      ...[outcome('block', 1, 0.6), outcome('block', 2, 0.6)],
    ]),
  );
  t.deepEqual(rows[0]?.slice(6, 9), ['LoRA %', 'Blocks %', 'less the first']);
  t.deepEqual(rows[2]?.slice(1, 11), [
    ...['textiles', '4', '1e-3', '3', '25.0', '70.0 (50.0–90.0)', '60.0 (60.0–60.0)'],
    ...['0.0 (−10.0–10.0)', '', ''],
  ]);
});

test('what it costs is that of runs of the most shots', (t) => {
  const rows = rowsOf(
    fewShotTables(methods, [
      outcome('lora', 1, 0.5, { shots: 1, stepMs: 3 }),
      ...[outcome('lora', 1, 0.5, { shots: 16, stepMs: 10 }), outcome('block', 1, 0.5)],
      outcome('lora', 2, 0.5, { shots: 16, stepMs: 30 }),
    ]),
  );
  t.deepEqual(rows.at(-1)?.slice(1, 7), ['LoRA', '1,000', '20 (10–30)', '1 (1–1)', '2', '5']);
  // One of four shots is between them in the first table.
  t.deepEqual(
    rows.slice(2, 5).map(([, , shots]) => shots),
    ['1', '4', '16'],
  );
});

test('runs at another rate are compared with each other alone', (t) => {
  const slower = { learningRate: '1e-4' };
  const rows = rowsOf(
    fewShotTables(methods, [
      ...[outcome('lora', 1, 0.5), outcome('block', 1, 0.6)],
      ...[outcome('lora', 1, 0.8, slower), outcome('block', 1, 0.8, slower)],
    ]),
  );
  t.deepEqual(
    rows.slice(2, 4).map((row) => [row[3], row[8]]),
    [
      ['1e-3', '10.0 (10.0–10.0)'],
      ['1e-4', '0.0 (0.0–0.0)'],
    ],
  );
});
