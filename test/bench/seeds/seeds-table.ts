/**
 * Outcomes of several seeds → a Markdown table. Differences are those of runs of the same seed,
 * which saw the same data.
 */
import { spread } from '../train/table.ts';
import type { Outcome } from './outcome.ts';

/** A row of the table: the runs of a method, and which others it is held against. */
export interface Row {
  readonly name: string;
  readonly against: readonly string[];
}

const head = [
  ...['method', 'learning rate', 'held-out loss before', 'after', 'after, less that of'],
  'peak MiB',
];

export function seedsTable(rows: readonly Row[], outcomes: readonly Outcome[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = rows.map((row) => line(cellsOf(row, outcomes)));
  return [line(head), line(head.map(() => '---')), ...lines].join('\n');
}

function cellsOf({ name, against }: Row, outcomes: readonly Outcome[]): readonly string[] {
  const own = outcomes.filter((one) => one.name === name);
  const over = (value: (one: Outcome) => number, digits: number) => spread(own.map(value), digits);
  return [
    name,
    [...new Set(own.map(({ learningRate }) => learningRate))].join(', '),
    over(({ before }) => before, 3),
    over(lossAfter, 3),
    against.map((other) => `${other}: ${gap(own, other, outcomes)}`).join('; '),
    over(({ peakBytes }) => peakBytes / 2 ** 20, 0),
  ];
}

function gap(own: readonly Outcome[], other: string, outcomes: readonly Outcome[]): string {
  const gaps = own.flatMap((one) => {
    const twin = outcomes.find(({ name, seed }) => name === other && seed === one.seed);
    return twin === undefined ? [] : [lossAfter(one) - lossAfter(twin)];
  });
  return spread(gaps, 3).replaceAll('-', '−');
}

function lossAfter({ after }: Outcome): number {
  return after ?? Number.POSITIVE_INFINITY;
}
