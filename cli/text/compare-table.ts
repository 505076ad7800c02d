// Differences between jobs and their results, as tables with verdicts.
import type { ComparedRow, Comparison, Equal } from '../metrics/comparison.ts';
import { type Column, columnsOf, shortened } from '../terminal/columns.ts';
import { bytes, seconds, shortCount } from '../terminal/numbers.ts';
import { wrap } from '../terminal/wrap.ts';
import { letterOf } from './compare-curves.ts';

export function differenceLines(
  { differences, names }: Comparison,
  width: number,
): readonly string[] {
  if (differences.length === 0) return ['the jobs ask for the same'];
  // A path or list may be long; half of the width is enough to tell two apart by their ends.
  const longest = Math.max(12, Math.floor((width - 20) / names.length));
  const rows = differences.map(({ path, values }) => ({
    path,
    values: values.map((value) => shortened(value, longest)),
  }));
  const lines = columnsOf(
    rows,
    [
      { head: '', rank: 0, cell: ({ path }) => path },
      ...names.map((_, index) => ({
        head: letterOf(index),
        rank: index + 1,
        cell: ({ values }: { readonly values: readonly string[] }) => values[index] ?? '–',
      })),
    ],
    Number.POSITIVE_INFINITY,
  );
  if (lines.every((line) => line.length <= width)) return lines;
  return rows.flatMap(({ path, values }) => [
    path,
    ...values.map((value, index) => `  ${letterOf(index)} ${value}`),
  ]);
}

/** `at 604 M tokens`, `at step 400`, `after 2 h`. */
function positionText({ equal, value }: { readonly equal: Equal; readonly value: number }): string {
  if (equal === 'time') return `after ${seconds(value)}`;
  return equal === 'tokens'
    ? `at ${shortCount(value)} tokens`
    : `at step ${value.toLocaleString('en')}`;
}

/** A narrow window shows the values as a table, and each verdict as a line below it. */
export function tableLines(comparison: Comparison, width: number): readonly string[] {
  const { rows, names } = comparison;
  if (rows.length === 0) return ['one of them has done no step yet; nothing can be compared'];
  const values = valueColumns(comparison);
  const others = names.slice(1).map((_, index) => index + 1);
  const whole = columnsOf(
    rows,
    [...values, ...others.flatMap((index) => verdictColumns(names.length, index))],
    Number.POSITIVE_INFINITY,
  );
  if (whole.every((line) => [...line].length <= width)) return whole;
  const verdicts = rows.flatMap((row) =>
    others.flatMap((index) => {
      if (row.differences[index] === undefined) return [];
      const verdict = verdictOf(row, index);
      const words = verdict === '' ? '' : `, ${verdict}`;
      return [`${letterOf(index)} − A ${row.name} ${differenceOf(row, index)}${words}`];
    }),
  );
  return [...columnsOf(rows, values, width), ...verdicts.flatMap((text) => wrap(text, width))];
}

/** How the published forms of each job were evaluated. */
export function resultLines({ results, names }: Comparison, width: number): readonly string[] {
  return results.flatMap(({ name, format, evaluation }) =>
    wrap(`${letterOf(names.indexOf(name))} ${format} ${evaluation}`, width),
  );
}

function valueColumns({ at, names, from }: Comparison): readonly Column<ComparedRow>[] {
  return [
    {
      head: from === 'status' ? 'as each status ends' : positionText(at),
      rank: 0,
      cell: ({ name }) => name,
    },
    ...names.map((_, index) => ({
      head: letterOf(index),
      rank: index + 1,
      right: true,
      cell: (row: ComparedRow) => valueText(row, index),
    })),
  ];
}

function verdictColumns(jobs: number, index: number): readonly Column<ComparedRow>[] {
  return [
    {
      head: `${letterOf(index)} − A`,
      rank: jobs + index,
      right: true,
      cell: (row) => differenceOf(row, index),
    },
    { head: '', rank: 2 * jobs + index, cell: (row) => verdictOf(row, index) },
  ];
}

function valueText({ name, values }: ComparedRow, index: number): string {
  const value = values[index];
  return value === undefined ? '–' : inUnits(name, value);
}

function inUnits(name: ComparedRow['name'], value: number): string {
  switch (name) {
    case 'peak memory':
      return bytes(value);
    case 'time':
      return seconds(value);
    case 'steps':
    case 'tokens/s':
      return Math.round(value).toLocaleString('en');
    case 'train loss':
    case 'eval loss':
      return value.toFixed(3);
  }
}

function differenceOf({ name, values, differences }: ComparedRow, index: number): string {
  const difference = differences[index];
  const base = values[0];
  if (difference === undefined || base === undefined) return '–';
  if (name === 'train loss' || name === 'eval loss') return signed(difference, 3);
  return `${signed((100 * difference) / base, 1)} %`;
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? '−' : '+'}${text}`;
}

function verdictOf({ differences, noise, name }: ComparedRow, index: number): string {
  const difference = differences[index];
  const half = noise[index];
  if (difference === undefined) return '';
  if (half === undefined) return /loss$/.test(name) ? 'noise not known' : '';
  const width = `(±${half.toFixed(3)})`;
  return Math.abs(difference) <= half ? `within noise ${width}` : `beyond noise ${width}`;
}
