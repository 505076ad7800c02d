// The five filters of PNG, which predict a byte from those to the left and above.

/**
 * Undoes a filter in `row`. `above`: the row before, without its filter, zeros for the first.
 * `unit`: bytes from a sample to the same one of the pixel at the left. False for an unknown
 * filter.
 */
export function unfilter(
  filter: number,
  row: Uint8Array,
  above: Uint8Array,
  unit: number,
): boolean {
  const predict = predictors[filter];
  if (predict === undefined) return false;
  predict(row, above, unit);
  return true;
}

type Undo = (row: Uint8Array, above: Uint8Array, unit: number) => void;

const predictors: readonly Undo[] = [
  () => undefined,
  function left(row, _, unit) {
    for (let i = unit; i < row.length; i += 1) row[i] = (row[i] ?? 0) + (row[i - unit] ?? 0);
  },
  function up(row, above) {
    for (let i = 0; i < row.length; i += 1) row[i] = (row[i] ?? 0) + (above[i] ?? 0);
  },
  function mean(row, above, unit) {
    for (let i = 0; i < row.length; i += 1) {
      const left = i < unit ? 0 : (row[i - unit] ?? 0);
      row[i] = (row[i] ?? 0) + ((left + (above[i] ?? 0)) >> 1);
    }
  },
  function paeth(row, above, unit) {
    for (let i = 0; i < row.length; i += 1) {
      const left = i < unit ? 0 : (row[i - unit] ?? 0);
      const corner = i < unit ? 0 : (above[i - unit] ?? 0);
      row[i] = (row[i] ?? 0) + nearest(left, above[i] ?? 0, corner);
    }
  },
];

/** Of left, up and corner the one nearest to left + up - corner, the first of equals. */
function nearest(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
