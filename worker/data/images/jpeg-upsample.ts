// Colour planes of JPEG at half the size → full size, as libjpeg does (jdsample.c): between samples
// 3/4 of the nearer and 1/4 of the other, with a rounding that alternates; other ratios repeat.
import type { Blocks, Plane, Sides } from './jpeg-plane.ts';

/** A plane of the size of the frame. */
export function upsampled(plane: Plane, { h, v }: Pick<Blocks, 'h' | 'v'>, frame: Sides): Plane {
  const [across, down] = [frame.maxH / h, frame.maxV / v];
  if (across === 1 && down === 1) return plane;
  // Two samples have no inner one.
  const isSmooth = plane.width > 2;
  const { width, height } = frame;
  const samples = new Uint8Array(width * height);
  const line = new Uint8Array(2 * plane.width);
  for (let y = 0; y < height; y += 1) {
    const to = samples.subarray(y * width, (y + 1) * width);
    if (across === 2 && down === 1 && isSmooth) wider(plane, y, line);
    else if (across === 2 && down === 2 && isSmooth) both(plane, y, line);
    else if (across === 1 && down === 2) {
      higher(plane, y, to);
      continue;
    } else {
      const from = Math.trunc(y / down) * plane.width;
      for (let x = 0; x < width; x += 1) to[x] = plane.samples[from + Math.trunc(x / across)] ?? 0;
      continue;
    }
    to.set(line.subarray(0, width));
  }
  return { width, height, samples };
}

function wider({ width, samples }: Plane, y: number, line: Uint8Array): void {
  const at = (x: number): number => samples[y * width + x] ?? 0;
  for (let x = 0; x < width; x += 1) {
    const here = 3 * at(x);
    line[2 * x] = x === 0 ? at(0) : (here + at(x - 1) + 1) >> 2;
    line[2 * x + 1] = x === width - 1 ? at(x) : (here + at(x + 1) + 2) >> 2;
  }
}

function higher(plane: Plane, y: number, line: Uint8Array): void {
  const { near, far } = rowsAt(plane, y);
  const round = y % 2 === 0 ? 1 : 2;
  for (let x = 0; x < line.length; x += 1) {
    line[x] = (3 * (plane.samples[near + x] ?? 0) + (plane.samples[far + x] ?? 0) + round) >> 2;
  }
}

function both(plane: Plane, y: number, line: Uint8Array): void {
  const { width, samples } = plane;
  const { near, far } = rowsAt(plane, y);
  const column = (x: number): number => 3 * (samples[near + x] ?? 0) + (samples[far + x] ?? 0);
  let [before, here] = [column(0), column(0)];
  for (let x = 0; x < width; x += 1) {
    const after = x === width - 1 ? here : column(x + 1);
    line[2 * x] = (3 * here + before + 8) >> 4;
    line[2 * x + 1] = (3 * here + after + 7) >> 4;
    [before, here] = [here, after];
  }
}

/** Where the row of a line of pixels begins and the one nearest to it; the edge rows are alone. */
function rowsAt({ width, height }: Plane, y: number) {
  const near = y >> 1;
  const far = Math.min(height - 1, Math.max(0, y % 2 === 0 ? near - 1 : near + 1));
  return { near: near * width, far: far * width };
}
