/**
 * Clips of a sprite that moves over a photograph and changes its size, with another one that moves
 * beside it: digits on parts of photographs, both of scikit-learn. Clips to train on and held-out
 * ones have other digits and other halves of the photographs.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../worker/data/images/image.ts';
import { resize } from '../../worker/data/images/resize.ts';
import { cutOut } from '../../worker/data/images/stored-target.ts';
import { pngOf } from '../../worker/data/images/write-png.ts';
import { drawsOf, streamOf } from '../../worker/tensor/streams.ts';
import { type Digit, digitSide, digits } from './digits.ts';
import { photographs } from './photographs.ts';

const edge = 96;
const framesOfClip = 12;
/** Digits that are trained on; the others are held out. */
const firstHeldOut = 1200;
const sizes = [18, 34] as const;
/** Of a sprite where it covers what is below it; less is its soft edge. */
const opaque = 0.3;

type Draws = ReturnType<typeof drawsOf>;

interface Sprite {
  readonly digit: Digit;
  readonly colour: readonly number[];
  /** Of its middle, by the number of the frame; and its edge in pixels. */
  at(frame: number): { readonly x: number; readonly y: number; readonly size: number };
}

/** The folder has the folder of each clip. */
export async function makeSprites(
  folder: string,
  clips: number,
  isHeldOut: boolean,
): Promise<string> {
  const [all, pictures] = [await digits(), await photographs()];
  for (let clip = 0; clip < clips; clip += 1) {
    const draws = drawsOf(streamOf(1, 'sprites', isHeldOut ? 'held out' : 'train', clip));
    const below = background(pictures[draws.below(pictures.length)], draws, isHeldOut);
    const [object, other] = [sprite(all, draws, isHeldOut), sprite(all, draws, isHeldOut)];
    const to = join(folder, `clip-${clip}`);
    await mkdir(to, { recursive: true });
    const lines: string[] = [];
    for (let frame = 0; frame < framesOfClip; frame += 1) {
      const pixels = Uint8Array.from(below.pixels);
      draw(pixels, other, frame);
      lines.push(draw(pixels, object, frame).join(','));
      const name = `${String(frame + 1).padStart(8, '0')}.png`;
      await writeFile(join(to, name), pngOf({ ...below, pixels }));
    }
    await writeFile(join(to, 'groundtruth.txt'), `${lines.join('\n')}\n`);
  }
  return folder;
}

/** Of the left half of a photograph, or of the right one. */
function background(picture: Image | undefined, draws: Draws, isRight: boolean): Image {
  if (picture === undefined) throw new Error('no photograph');
  const { width, height } = picture;
  const side = edge + draws.below(110);
  const left = draws.below(width / 2 - side) + (isRight ? width / 2 : 0);
  return resize(cutOut(picture, [left, draws.below(height - side)], side), edge, edge, 'Bilinear');
}

function sprite(all: readonly Digit[], draws: Draws, isHeldOut: boolean): Sprite {
  const [first, count] = isHeldOut ? [firstHeldOut, all.length - firstHeldOut] : [0, firstHeldOut];
  const digit = all[first + draws.below(count)];
  if (digit === undefined) throw new Error('no digit');
  const colour = [0, 1, 2].map(() => 255 * draws.uniform());
  const [least, most] = sizes;
  const from = least + (most - least) * draws.uniform();
  const pulse = [0.25 * draws.uniform(), 6 * draws.uniform()] as const;
  const way = [0, 1].map(() => ({
    begin: edge * draws.uniform(),
    speed: 8 * (draws.uniform() - 0.5),
  }));
  return {
    ...{ digit, colour },
    at(frame) {
      const size = Math.round(from * (1 + pulse[0] * Math.sin(frame / 2 + pulse[1])));
      const [x = 0, y = 0] = way.map(({ begin, speed }) => mirrored(begin + speed * frame, size));
      return { x, y, size };
    },
  };
}

/** Within the frame, from whose edges it comes back. */
function mirrored(place: number, size: number): number {
  const room = edge - size;
  const turned = Math.abs((((place % (2 * room)) + 2 * room) % (2 * room)) - room);
  return size / 2 + room - turned;
}

/** Draws it, and says what it covers: left, top, width and height. */
function draw(pixels: Uint8Array, { digit, colour, at }: Sprite, frame: number): readonly number[] {
  const { x, y, size } = at(frame);
  const small: Image = {
    ...{ width: digitSide, height: digitSide, channels: 1 },
    pixels: Uint8Array.from(digit.pixels, (value) => Math.round((255 * value) / 16)),
  };
  const mask = resize(small, size, size, 'Bilinear').pixels;
  const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
  const covered: (readonly [number, number])[] = [];
  for (const [i, value] of mask.entries()) {
    const [column, row] = [left + (i % size), top + Math.trunc(i / size)];
    const share = value / 255;
    if (share > opaque) covered.push([column, row]);
    for (const [c, own] of colour.entries()) {
      const place = 3 * (row * edge + column) + c;
      pixels[place] = Math.round(share * own + (1 - share) * (pixels[place] ?? 0));
    }
  }
  const [columns, rows] = [covered.map(([column]) => column), covered.map(([, row]) => row)];
  const [x0, y0] = [Math.min(...columns), Math.min(...rows)];
  return [x0, y0, Math.max(...columns) + 1 - x0, Math.max(...rows) + 1 - y0];
}
