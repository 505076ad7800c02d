import test from 'ava';
import type { Outcome } from './outcome.ts';
import { curveTable, seedsTable } from './seeds-table.ts';

const rows = [
  { name: 'lora', against: [] },
  { name: 'other', against: ['lora'] },
];

function outcome(name: string, seed: number, after: number | null, own: Partial<Outcome> = {}) {
  return {
    ...{ name, seed, after, digest: `${name} ${seed}`, learningRate: '1e-3', method: name },
    ...{ steps: 24, tokens: 100, heldOutTokens: 50, before: 2, skippedSteps: 0, rollbacks: 0 },
    ...{ stepMs: 10, peakBytes: 2 ** 21, plannedBytes: 2 ** 20, load: 1, endedAt: '' },
    ...own,
  } satisfies Outcome;
}

const cellsOf = (table: string) =>
  table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('a difference is that of runs of one seed, and what was not counted is empty', (t) => {
  const [, , lora, other] = cellsOf(
    seedsTable(rows, [
      ...[outcome('lora', 1, 1, { trained: 4000 }), outcome('lora', 2, 1.5)],
      ...[outcome('other', 2, 1.25), outcome('other', 3, 1.75)],
    ]),
  );
  t.is(lora?.[1], '4,000');
  t.deepEqual(other?.slice(0, 3), ['other', '', '1e-3']);
  t.is(other?.[5], 'lora: −0.250 (−0.250–−0.250)');
  t.is(other?.at(-2), '2.000 (2.000–2.000)');
});

test('a step is as long as that of the other run of the seed, where both told it', (t) => {
  const [, , , other] = cellsOf(
    seedsTable(rows, [
      ...[outcome('lora', 1, 1, { processorMs: 200 }), outcome('lora', 2, 1)],
      ...[outcome('other', 1, 1, { processorMs: 300 }), outcome('other', 2, 1)],
    ]),
  );
  t.is(other?.at(-1), 'lora: 1.50 (1.50–1.50)');
});

test('of a way is shown what was evaluated, at the steps that are asked for', (t) => {
  const curve = [
    { step: 0, loss: 2 },
    { step: 5, loss: 1.5 },
    { step: 10, loss: null },
  ];
  const shown = cellsOf(
    curveTable(
      rows,
      [
        outcome('lora', 1, 1, { curve }),
        outcome('lora', 2, 1, { curve: [{ step: 5, loss: 1.7 }] }),
        outcome('other', 1, 1),
      ],
      [5, 10],
    ),
  );
  t.deepEqual(shown[0], ['method', 'after 5 steps', 'after 10 steps']);
  t.is(shown.length, 3);
  t.is(shown[2]?.[1], '1.600 (1.500–1.700)');
  t.regex(shown[2]?.[2] ?? '', /NaN/);
});
