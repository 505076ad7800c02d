// A box in a picture, and the patches of a square picture that it touches.

/** Left, top, right and bottom. */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** A box that ends so little behind the edge of a patch touches no more of it. In patches. */
const slack = 1e-4;

/**
 * Numbers of the patches, row by row, of a picture of `side x side`; the box is in parts of the
 * picture, inside of it. At least one patch.
 */
export function patchesOfBox([left, top, right, bottom]: Box, side: number): readonly number[] {
  const [columns, rows] = [between(left, right, side), between(top, bottom, side)];
  return rows.flatMap((row) => columns.map((column) => row * side + column));
}

function between(from: number, to: number, side: number): readonly number[] {
  const first = Math.min(side - 1, Math.max(0, Math.floor(from * side)));
  const end = Math.min(side, Math.floor(to * side + 1 - slack));
  return Array.from({ length: Math.max(1, end - first) }, (_, i) => first + i);
}
