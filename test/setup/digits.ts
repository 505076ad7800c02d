/**
 * The 1,797 handwritten digits that scikit-learn ships (8 x 8 grey, 0 to 16, BSD-3-Clause), from
 * its wheel (9 MB, once).
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { modelOfWheel } from './model-of-wheel.ts';

export const scikitLearn: Wheel = {
  name: 'scikit-learn',
  version: '1.9.1',
  sha256: '52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df',
  bytes: 9_315_422,
  platforms: ['manylinux_2_28_x86_64'],
};
const file = 'digits.csv.gz';

export interface Digit {
  /** 64 values from 0 to 16, row after row. */
  readonly pixels: readonly number[];
  /** From 0 to 9. */
  readonly label: number;
}

export const digitSide = 8;

const fetched = modelOfWheel({
  ...{
    wheel: scikitLearn,
    folder: 'digits',
    step: 'digits',
    title: 'digits of 8 x 8 pixels',
    times: 4,
  },
  location: (entry) => (entry.endsWith(`/${file}`) ? file : undefined),
  make: (unpacked, folder) => rename(join(unpacked, file), join(folder, file)),
});

export async function digits(
  setup: Setup = thisSetup(new AbortController().signal),
): Promise<readonly Digit[]> {
  const folder = await fetched(setup);
  const lines = gunzipSync(await readFile(join(folder, file))).toString('utf8');
  return lines.trim().split('\n').map(digitOf);
}

function digitOf(line: string): Digit {
  const values = line.split(',').map(Number);
  const [label = Number.NaN] = values.splice(digitSide ** 2);
  if (values.length !== digitSide ** 2 || !Number.isInteger(label)) {
    throw new Error(`a line of digits has ${values.length} values and the label ${label}`);
  }
  return { pixels: values, label };
}
