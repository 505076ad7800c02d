// Square parts of frames, which may reach beyond them: around an object, with so much of what is
// beside it.

import { normalPair } from '../../tensor/normal-pair.ts';
import { drawsOf, type Stream } from '../../tensor/streams.ts';
import type { Image } from '../images/image.ts';
import { resize } from '../images/resize.ts';
import type { Box } from './box.ts';

export interface Window {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** How many times as wide as a square object a window is. LoRAT's settings. */
export const templateFactor = 2;
export const searchFactor = 4;
/** Of a search window: of the logarithm of its side, and of its middle, in sizes of the object. */
const scaleJitter = 0.25;
const shift = 3;
/** Of the object in a search picture, once it is cut, over the picture's side. */
const leastShare = 10 / 224;
const tries = 10;

/** In the middle of the box. */
export function windowAround(box: Box, factor: number): Window {
  return windowAt(middleOf(box), sideOf(box, factor));
}

/**
 * A window whose side and place are drawn, in which enough of the object is left; where none is
 * found, the one around it.
 */
export function drawnWindow(box: Box, stream: Stream): Window {
  const draws = drawsOf(stream);
  const [left, top, right, bottom] = box;
  const size = (right - left + bottom - top) / 2;
  const [x, y] = middleOf(box);
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const side = sideOf(box, searchFactor) * Math.exp(scaleJitter * normal(draws));
    const off = (): number => (2 * draws.uniform() - 1) * shift * size;
    const window = windowAt([x + off(), y + off()], side);
    const [from, above, to, below] = boxIn(window, box);
    if (Math.min(to - from, below - above) >= leastShare) return window;
  }
  return windowAround(box, searchFactor);
}

/** Left, top, right, bottom in parts of the window; what is outside of it is cut off. */
export function boxIn({ left, top, side }: Window, box: Box): Box {
  const [x, y] = [left, top].map((from) => (at: number) => within((at - from) / side)) as [
    ...[(at: number) => number, (at: number) => number],
  ];
  return [x(box[0]), y(box[1]), x(box[2]), y(box[3])];
}

function within(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function middleOf([left, top, right, bottom]: Box): readonly [x: number, y: number] {
  return [(left + right) / 2, (top + bottom) / 2];
}

/** Of a window: the object with as much beside it on both axes, made a square of that area. */
function sideOf([left, top, right, bottom]: Box, factor: number): number {
  const [width, height] = [right - left, bottom - top];
  const beside = ((factor - 1) * (width + height)) / 2;
  return Math.sqrt((width + beside) * (height + beside));
}

/** Of whole pixels. */
function windowAt([x, y]: readonly [number, number], side: number): Window {
  const whole = Math.max(1, Math.round(side));
  return { left: Math.round(x - whole / 2), top: Math.round(y - whole / 2), side: whole };
}

function normal({ uniform }: ReturnType<typeof drawsOf>): number {
  const [drawn] = normalPair(1 - uniform(), uniform());
  return drawn;
}

/** What a window shows, `edge` pixels wide; what is outside of the frame has its mean colour. */
export function shown(frame: Image, { left, top, side }: Window, edge: number): Image {
  const { width, height } = frame;
  const pixels = new Uint8Array(3 * side * side);
  const inside = left >= 0 && top >= 0 && left + side <= width && top + side <= height;
  const colour = inside ? [] : meanColour(frame);
  if (!inside) for (const i of pixels.keys()) pixels[i] = colour[i % 3] ?? 0;
  const [from, to] = [Math.max(0, left), Math.min(width, left + side)];
  for (let y = Math.max(0, top); y < Math.min(height, top + side) && from < to; y += 1) {
    const row = frame.pixels.subarray(3 * (y * width + from), 3 * (y * width + to));
    pixels.set(row, 3 * ((y - top) * side + from - left));
  }
  return resize({ width: side, height: side, channels: 3, pixels }, edge, edge, 'Bilinear');
}

function meanColour({ pixels }: Image): readonly number[] {
  const sums = [0, 0, 0];
  for (let at = 0; at < pixels.length; at += 3) {
    for (let colour = 0; colour < 3; colour += 1) {
      sums[colour] = (sums[colour] ?? 0) + (pixels[at + colour] ?? 0);
    }
  }
  return sums.map((sum) => Math.round((3 * sum) / pixels.length));
}
