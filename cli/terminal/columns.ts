// Rows in columns that fit a width: columns of low importance are left out, and a row never wraps.
import { sanitize } from '../../crds/text/sanitize.ts';

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string;
  /** Right-aligned, for numbers. */
  readonly right?: boolean;
  /** Least wins: columns of the greatest rank are left out first. */
  readonly rank: number;
  /** Adds escape sequences to a padded cell. */
  readonly paint?: (row: T, text: string) => string;
}

/** In place of a value that is not known. */
export const none = '–';

const gap = 2;

/** An infinite width shows all columns. */
export function columnsOf<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number,
): readonly string[] {
  const texts = columns.map(({ head, cell }) => [head, ...rows.map((row) => inOneLine(cell(row)))]);
  const widths = texts.map((cells) => Math.max(...cells.map((cell) => [...cell].length)));
  const kept = fitting(columns, widths, width);
  return [undefined, ...rows].map((row, line) =>
    columns
      .flatMap((column, index) => {
        if (!kept.has(index)) return [];
        const text = pad(texts[index]?.[line] ?? '', widths[index] ?? 0, column.right === true);
        return [row === undefined || column.paint === undefined ? text : column.paint(row, text)];
      })
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}

/** Cells may have words of pods, or of whoever wrote an object. */
function inOneLine(text: string): string {
  return sanitize(text).replaceAll('\n', ' ');
}

function fitting<T>(
  columns: readonly Column<T>[],
  widths: readonly number[],
  width: number,
): ReadonlySet<number> {
  const byRank = columns.map((_, index) => index);
  byRank.sort((a, b) => (columns[a]?.rank ?? 0) - (columns[b]?.rank ?? 0));
  const kept = new Set<number>();
  let used = -gap;
  for (const index of byRank) {
    used += gap + (widths[index] ?? 0);
    if (used > width && kept.size > 0) break;
    kept.add(index);
  }
  return kept;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - [...text].length));
  return right ? space + text : text + space;
}

/** Keeps the end, where paths and lists differ. */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `…${text.slice(text.length - longest + 1)}`;
}
