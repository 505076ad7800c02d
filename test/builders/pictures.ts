// Small pictures as files, and what a model of small pictures says of them.
import { gzipSync } from 'node:zlib';
import type { Preprocessing } from '../../worker/data/images/preprocessing.ts';
import type { PictureRules } from '../../worker/prepare/encode-picture.ts';
import { pngOf } from './png.ts';

/** Samples of picture `seed`: each differs from those of others. */
export function samplesOf(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * i + 31 * seed + 7 * i) % 256);
}

export function greyPng(seed: number, width = 4, height = 4): Buffer {
  const samples = samplesOf(seed, width * height);
  return pngOf({ width, height, depth: 8, colourType: 0, samples });
}

export function colourPng(seed: number, width = 4, height = 4): Buffer {
  const samples = samplesOf(seed, 3 * width * height);
  return pngOf({ width, height, depth: 8, colourType: 2, samples });
}

/** The two files of an IDX pair of 4 x 4 pictures. */
export function idxPair(labels: readonly number[]): { images: Buffer; labels: Buffer } {
  const head = Buffer.from('0000080300000000' + '0000000400000004', 'hex');
  head.writeUInt32BE(labels.length, 4);
  const pixels = labels.flatMap((_, at) => samplesOf(at, 16));
  const labelHead = Buffer.from('0000080100000000', 'hex');
  labelHead.writeUInt32BE(labels.length, 4);
  return {
    images: gzipSync(Buffer.concat([head, Buffer.from(pixels)])),
    labels: Buffer.concat([labelHead, Buffer.from(labels)]),
  };
}

export const smallGrey: Preprocessing = {
  ...{ channels: 1, resize: { to: { height: 4, width: 4 }, filter: 'Bilinear' }, crop: null },
  ...{ scale: 1 / 255, normalize: { mean: [0.5], std: [0.5] } },
};

export const catsAndDogs: Omit<PictureRules, 'boundary'> = {
  ...{ labels: ['cat', 'dog'], preprocessing: smallGrey },
  ...{ size: { height: 4, width: 4 }, tokens: 5 },
};
