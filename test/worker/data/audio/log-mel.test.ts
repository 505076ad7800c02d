import { readFileSync } from 'node:fs';
import test from 'ava';
import { logMel } from '../../../../worker/data/audio/log-mel.ts';
import { melFilters } from '../../../../worker/data/audio/mel-filters.ts';
import {
  frameLength,
  frequencies,
  powerSpectrum,
} from '../../../../worker/data/audio/power-spectrum.ts';

// Its first field is the command that made it.
const golden = JSON.parse(
  readFileSync(new URL('../../../golden/sound.json', import.meta.url), 'utf8'),
) as {
  readonly frames: number;
  readonly samples: readonly number[];
  readonly features: readonly (readonly number[])[];
};

test('Features are those of the extractor of Whisper', (t) => {
  const { filters, frames, values } = logMel(Int16Array.from(golden.samples), 80, golden.frames);
  t.deepEqual([filters, frames], [80, 5]);
  const gaps = golden.features
    .flat()
    .map((value, i) => Math.abs(value - (values[i] ?? Number.NaN)));
  // Of values up to 2 in float32, and of the seven digits that are recorded.
  t.true(Math.max(...gaps) < 1e-6, String(Math.max(...gaps)));
});

test('A longer sound is cut, a shorter one padded with silence', (t) => {
  const samples = Int16Array.from({ length: 480 }, (_, i) => 3000 * Math.sin(i));
  const longer = Int16Array.from({ length: 900 }, (_, i) => 3000 * Math.sin(i));
  t.deepEqual(logMel(longer, 80, 3), logMel(samples, 80, 3));
  const { values } = logMel(samples, 80, 20);
  const last = Array.from({ length: 80 }, (_, m) => values[m * 20 + 19]);
  t.is(new Set(last).size, 1);
});

test('Silence is one value everywhere, the logarithm of the least power', (t) => {
  const { values } = logMel(new Int16Array(0), 80, 3);
  t.true(values.every((value) => value === (-10 + 4) / 4));
});

test('A sine has its power at its own frequency', (t) => {
  const at = 37;
  const turn = (2 * Math.PI * at) / frameLength;
  const powers = new Float64Array(frequencies);
  powerSpectrum(
    Float64Array.from({ length: frameLength }, (_, n) => Math.sin(turn * n)),
    powers,
  );
  // The window halves the amplitude, and spreads half of that to each neighbour.
  const expected = Array.from({ length: frequencies }, (_, k) => {
    const share = k === at ? 1 : Math.abs(k - at) === 1 ? 1 / 2 : 0;
    return (share * (frameLength / 4)) ** 2;
  });
  const gaps = expected.map((value, k) => Math.abs(value - (powers[k] ?? Number.NaN)));
  t.true(Math.max(...gaps) < 1e-8, String(Math.max(...gaps)));
});

test('Filters overlap their neighbours, and each has the same area but for its sampling', (t) => {
  for (const count of [80, 128]) {
    const filters = melFilters(count);
    t.is(filters.length, count);
    t.true(filters.every(({ weights }) => weights.some((weight) => weight > 0)));
    const firsts = filters.map(({ first }) => first);
    t.deepEqual(
      firsts,
      [...firsts].sort((one, other) => one - other),
    );
  }
  // Wide enough to be sampled finely: 40 Hz apart.
  for (const { weights } of melFilters(20).slice(12)) {
    const area = weights.reduce((sum, weight) => sum + 40 * weight, 0);
    t.true(Math.abs(area - 1) < 0.02, String(area));
  }
});
