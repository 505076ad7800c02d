// Rows of words in columns that fit a width: the last columns give way first, and a row never
// breaks.

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string;
  /** Numbers. */
  readonly right?: boolean;
  /** Least wins: columns of the greatest rank are left out first. */
  readonly rank: number;
  /** Escape sequences around a cell that was padded. */
  readonly paint?: (row: T, text: string) => string;
}

const gap = 2;

/** With infinite width all columns are shown. */
export function columnsOf<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  width: number,
): readonly string[] {
  const texts = columns.map(({ head, cell }) => [head, ...rows.map(cell)]);
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

/** Its end: places and lists differ there. */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `…${text.slice(text.length - longest + 1)}`;
}
