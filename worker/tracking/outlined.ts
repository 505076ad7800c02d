// Pictures for people: a picture with the outline of a box.
import type { Plane } from '../restoration/side-by-side.ts';

interface Line {
  /** Values of red, green and blue from 0 to 1. */
  readonly colour: readonly [red: number, green: number, blue: number];
  /** Pixels of a dash and of the gap behind it; 0: a solid line. */
  readonly dash: number;
}

/** Around where the object is, and around where it was found: apart without their colours too. */
export const right: Line = { colour: [0.1, 0.45, 1], dash: 0 };
export const found: Line = { colour: [1, 0.6, 0], dash: 2 };

/** Left, top, right and bottom in parts of the picture; what is outside of it is not drawn. */
export function outlined({ width, height, values }: Plane, box: ArrayLike<number>, line: Line) {
  const at = (side: number, size: number) => Math.round((box[side] ?? 0) * (size - 1));
  const [left, top, end, bottom] = [at(0, width), at(1, height), at(2, width), at(3, height)];
  const drawn = Float32Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.trunc(i / 3) % width, Math.trunc(i / (3 * width))];
    const isInside = x >= left && x <= end && y >= top && y <= bottom;
    const isOutline = isInside && (x === left || x === end || y === top || y === bottom);
    const isDrawn = isOutline && (line.dash === 0 || (x + y) % (2 * line.dash) < line.dash);
    return (isDrawn ? line.colour[i % 3] : values[i]) ?? 0;
  });
  return { width, height, values: drawn };
}
