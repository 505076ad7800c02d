// Divides large matrices into panels of rows: a float32 copy of an embedding would be as large as a
// small model.

/** A half-open range of rows. */
export type Rows = readonly [first: number, behind: number];

/** Values of a panel: 4 MiB in float32. */
const panelValues = 2 ** 20;

/**
 * Ranges that cover all rows of a tensor in order; their lengths, but the last, divide by `step`.
 */
export function rowPanels(shape: readonly number[], step = 1): readonly Rows[] {
  const [rows = 1, ...inner] = shape;
  const rowValues = inner.reduce((product, size) => product * size, 1);
  const wanted = Math.floor(panelValues / Math.max(1, rowValues * step));
  const atOnce = step * Math.max(1, wanted);
  const count = Math.max(1, Math.ceil(rows / atOnce));
  return Array.from({ length: count }, (_, panel) => {
    const first = panel * atOnce;
    return [first, Math.min(rows, first + atOnce)];
  });
}
