// Some rows of a table, in the columns of all of them.
import { type Column, columnsOf } from '../../terminal/columns.ts';
import type { Paint } from '../../terminal/palette.ts';

export interface RowStyle {
  readonly wide: boolean;
  readonly namespaces: boolean;
  readonly now: Date;
  readonly paint: Paint;
  /** Undefined: as wide as it is. */
  readonly columns: number | undefined;
}

/** Those that are asked for, below the head where it is; empty where there are none. */
export function rowsText<T>(
  all: readonly T[],
  columns: readonly Column<T>[],
  isAsked: (row: T) => boolean,
  hasHead: boolean,
  style: Pick<RowStyle, 'columns'>,
): string {
  const [head = '', ...lines] = columnsOf(all, columns, style.columns ?? Number.POSITIVE_INFINITY);
  const asked = lines.filter((_, index) => isAsked(all[index] as T));
  const shown = hasHead ? [head, ...asked] : asked;
  return shown.map((line) => `${line}\n`).join('');
}
