import test from 'ava';
import { fillNormal } from '../../../worker/diffusion/noise.ts';
import { highFrequencies, radialAmplitudes } from '../../../worker/sample/frequencies.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';

function picture(side: number, value: (y: number, x: number) => number, channels = 1) {
  return Float32Array.from({ length: channels * side ** 2 }, (_, at) => {
    const pixel = at % side ** 2;
    return value(Math.floor(pixel / side), pixel % side);
  });
}

for (const side of [4, 7, 8, 32]) {
  const shape = { channels: 1, side };

  test(`a wave is at its own radius: ${side} pixels`, (t) => {
    for (let k = 0; k <= Math.floor(side / 2); k += 1) {
      const wave = picture(side, (y) => Math.cos((2 * Math.PI * k * y) / side));
      const found = radialAmplitudes(wave, shape);
      t.is(found.indexOf(Math.max(...found)), k);
      const others = found.filter((_, radius) => radius !== k);
      t.true(others.every((amplitude) => amplitude < 1e-5 * side ** 2));
    }
  });

  test(`no radius is of no frequency: ${side} pixels`, (t) => {
    const point = picture(side, (y, x) => Number(y === 0 && x === 0));
    const found = radialAmplitudes(point, shape);
    // The transform of a point is 1 everywhere.
    t.true(Array.from(found).every((amplitude) => Math.abs(amplitude - 1) < 1e-9));
    t.true(found.length > side / 2);
    t.true(Math.abs(highFrequencies(point, shape) - 1) < 1e-9);
  });

  test(`noise has high frequencies, a smooth picture none: ${side} pixels`, (t) => {
    const smooth = picture(side, (y) => Math.cos((2 * Math.PI * y) / side));
    t.true(highFrequencies(smooth, shape) < 1e-5);
    const noise = new Float32Array(side ** 2);
    for (let n = 0; n < 8; n += 1) {
      fillNormal(noise, streamOf(1, 'noise', n));
      // Amplitudes of noise are alike at all radii; the largest of few is above their mean.
      t.true(highFrequencies(noise, shape) > 0.25);
    }
  });
}

test('a picture of zeros has none, and channels are averaged', (t) => {
  t.is(highFrequencies(new Float32Array(16), { channels: 1, side: 4 }), 0);
  const value = (y: number, x: number): number => Math.sin(1 + 3 * y + 5 * x);
  const one = highFrequencies(picture(4, value), { channels: 1, side: 4 });
  t.is(highFrequencies(picture(4, value, 3), { channels: 3, side: 4 }), one);
});
