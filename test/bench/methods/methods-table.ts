// Reports of runs → tables: what was measured, and what was wanted of it.
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { comparisonRows, type Middle } from './comparisons.ts';

export interface TableOptions {
  /** Of a model whose weights were drawn, losses say nothing. */
  readonly withLosses: boolean;
}

/** Runs of one job each, by its name. */
export function methodsTable(
  reports: ReadonlyMap<string, readonly RunReport[]>,
  { withLosses }: TableOptions,
): string {
  const head = [
    ...['method', 'ms a step', 'peak MiB', 'planned', 'measured ÷ planned', 'weights in the peak'],
    ...(withLosses ? ['held-out loss'] : []),
  ];
  const measured = [...reports].filter(([, own]) => own.length > 0);
  const rows = measured.map(([name, own]) => [
    name,
    ...cellsOf(own),
    ...(withLosses ? [lossesOf(own)] : []),
  ]);
  const middles = new Map(measured.map(([name, own]) => [name, middleOf(own)]));
  const wanted = ['method', 'held against', 'what', 'ratio', 'target', ''];
  return [tableOf(head, rows), tableOf(wanted, comparisonRows(middles))].join('\n\n');
}

function cellsOf(own: readonly RunReport[]): readonly string[] {
  const peaks = peaksOf(own);
  const planned = plannedOf(own);
  const [share] = own.flatMap(({ memory: { predicted } }) =>
    predicted === undefined ? [] : [predicted.parts.weights / predicted.peak],
  );
  return [
    wordsOf(timesOf(own)),
    wordsOf(peaks.map((bytes) => bytes / mib)),
    (planned / mib).toFixed(0),
    (median(peaks) / planned).toFixed(3),
    share === undefined ? '' : `${(100 * share).toFixed(0)} %`,
  ];
}

function lossesOf([report]: readonly RunReport[]): string {
  const loss = (at: 'before' | 'after') => report?.evaluation[at]?.loss?.toFixed(4) ?? 'no number';
  return `${loss('before')} to ${loss('after')}`;
}

const mib = 2 ** 20;

function middleOf(own: readonly RunReport[]): Middle {
  return { time: median(timesOf(own)), peak: median(peaksOf(own)) };
}

function timesOf(own: readonly RunReport[]): readonly number[] {
  return own.map(({ training }) => training.stepMs ?? Number.NaN);
}

function peaksOf(own: readonly RunReport[]): readonly number[] {
  return own.map(({ memory }) => memory.measured.peak);
}

/** Memory that is free may differ from run to run, and with it what is planned to be kept: the largest. */
function plannedOf(own: readonly RunReport[]): number {
  return Math.max(...own.map(({ memory }) => memory.predicted?.peak ?? Number.NaN));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b).at(Math.floor(values.length / 2)) ?? Number.NaN;
}

function wordsOf(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
