/**
 * Outcomes of several seeds → a Markdown table. Differences are those of runs of the same seed,
 * which saw the same data.
 */
import { line, spread } from '../train/table.ts';
import type { Outcome } from './outcome.ts';

/** A row of the table: the runs of a method, and which others it is held against. */
export interface Row {
  readonly name: string;
  readonly against: readonly string[];
}

const head = [
  ...['method', 'trained', 'learning rate', 'held-out loss before', 'after', 'after, less that of'],
  ...['peak MiB', 'measured ÷ planned', 'processor time of a step ÷'],
];

export function seedsTable(rows: readonly Row[], outcomes: readonly Outcome[]): string {
  return [head, head.map(() => '---'), ...rows.map((row) => cellsOf(row, outcomes))]
    .map(line)
    .join('\n');
}

function cellsOf({ name, against }: Row, outcomes: readonly Outcome[]): readonly string[] {
  const own = outcomes.filter((one) => one.name === name);
  const over = (value: (one: Outcome) => number, digits: number) => spread(own.map(value), digits);
  return [
    name,
    thousands(own.find(({ trained }) => trained !== undefined)?.trained),
    [...new Set(own.map(({ learningRate }) => learningRate))].join(', '),
    over(({ before }) => before, 3),
    over(lossAfter, 3),
    against.map((other) => `${other}: ${gap(own, other, outcomes)}`).join('; '),
    over(({ peakBytes }) => peakBytes / 2 ** 20, 0),
    over(({ peakBytes, plannedBytes }) => peakBytes / plannedBytes, 3),
    against
      .slice(0, 1)
      .map((other) => `${other}: ${times(own, other, outcomes)}`)
      .join(''),
  ];
}

function thousands(count: number | undefined): string {
  return count?.toLocaleString('en') ?? '';
}

/** Of runs that were evaluated on the way: held-out loss at each of `steps`. */
export function curveTable(
  rows: readonly Row[],
  outcomes: readonly Outcome[],
  steps: readonly number[],
): string {
  const head = ['method', ...steps.map((step) => `after ${step} steps`)];
  const lines = rows.flatMap(({ name }) => {
    const own = outcomes.filter((one) => one.name === name && one.curve !== undefined);
    if (own.length === 0) return [];
    const at = (step: number) => own.map(({ curve = [] }) => lossAt(curve, step));
    return [[name, ...steps.map((step) => spread(at(step), 3))]];
  });
  return [head, head.map(() => '---'), ...lines].map(line).join('\n');
}

function lossAt(curve: NonNullable<Outcome['curve']>, step: number): number {
  const loss = curve.find((one) => one.step === step)?.loss;
  return loss ?? Number.NaN;
}

type OfPair = (one: Outcome, twin: Outcome) => readonly number[];

/** Of runs of one seed, which saw the same data. */
function inPairs(own: readonly Outcome[], other: string, all: readonly Outcome[], of: OfPair) {
  return own.flatMap((one) => {
    const twin = all.find(({ name, seed }) => name === other && seed === one.seed);
    return twin === undefined ? [] : of(one, twin);
  });
}

/** Of each seed that both have: loss after the last step, less that of `other`. */
export function gapsOf(own: readonly Outcome[], other: string, all: readonly Outcome[]) {
  return inPairs(own, other, all, (one, twin) => [lossAfter(one) - lossAfter(twin)]);
}

/** Of each seed of which both were counted: processor time of a step ÷ that of `other`. */
export function timesOf(own: readonly Outcome[], other: string, all: readonly Outcome[]) {
  return inPairs(own, other, all, (one, twin) =>
    one.processorMs === undefined || twin.processorMs === undefined
      ? []
      : [one.processorMs / twin.processorMs],
  );
}

function gap(own: readonly Outcome[], other: string, outcomes: readonly Outcome[]): string {
  return spread(gapsOf(own, other, outcomes), 3).replaceAll('-', '−');
}

function times(own: readonly Outcome[], other: string, outcomes: readonly Outcome[]): string {
  return spread(timesOf(own, other, outcomes), 2);
}

/** Infinite where it was no number. */
export function lossAfter({ after }: Outcome): number {
  return after ?? Number.POSITIVE_INFINITY;
}
