import test from 'ava';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import { fillNormal, withNoise } from '../../../worker/diffusion/noise.ts';
import { noiseLevels } from '../../../worker/diffusion/schedule.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { documentsOf } from '../../builders/documents.ts';

const levels = noiseLevels({ steps: 1000, first: 1e-4, last: 0.02 });
const dit = { labels: 10 };

/** Pictures of four values, of two tokens each, all of class 3. */
const pictures = {
  ...documentsOf(Array.from({ length: 4000 }, () => ({ ids: [0, 0], targets: [0, 0], class: 3 }))),
  valuesOf: (documents: readonly number[]) => ({
    pixels: {
      values: Float32Array.from(documents.flatMap((n) => [n, -n, 0.5, 0.25])),
      shape: [1, 2, 2],
    },
  }),
};

const drawn = (documents: readonly number[], epoch: number | null, seed = 7) =>
  withNoise(fillSequence(pictures, documents, 0), dit, levels, { seed, epoch }).values ?? {};

test('noise and picture are mixed by the level of the time step', (t) => {
  const values = drawn([1, 2], 0);
  for (const i of [0, 1, 4, 7]) {
    const { signal = 0, noise = 0 } = levels[values['time']?.values[Math.floor(i / 4)] ?? 0] ?? {};
    const pixel = pictures.valuesOf([1, 2]).pixels.values[i] ?? 0;
    const mixed = signal * pixel + noise * (values['noise']?.values[i] ?? 0);
    t.true(Math.abs(mixed - (values['noised']?.values[i] ?? 9)) < 1e-6);
  }
});

test('a document draws the same in any company, and otherwise in each epoch and with each seed', (t) => {
  const part = (all: ReturnType<typeof drawn>, i: number) => [
    all['time']?.values[i],
    all['class']?.values[i],
    ...(all['noise']?.values.slice(4 * i, 4 * i + 4) ?? []),
  ];
  const alone = part(drawn([2], 3), 0);
  t.deepEqual(part(drawn([1, 2], 3), 1), alone);
  for (const other of [drawn([2], 4), drawn([2], null), drawn([2], 3, 8), drawn([5], 3)]) {
    t.notDeepEqual(part(other, 0), alone);
  }
});

test('a tenth of the classes is hidden while training, and none in an evaluation', (t) => {
  const documents = Array.from({ length: 4000 }, (_, i) => i);
  const classes = [...(drawn(documents, 1)['class']?.values ?? [])];
  const hidden = classes.filter((each) => each === dit.labels).length;
  // Four standard deviations of 4000 draws.
  t.true(Math.abs(hidden - 400) < 4 * Math.sqrt(4000 * 0.09), `${hidden}`);
  t.true(classes.every((each) => each === dit.labels || each === 3));
  t.true([...(drawn(documents, null)['class']?.values ?? [])].every((each) => each === 3));
  const times = [...(drawn(documents, 1)['time']?.values ?? [])];
  t.true(Math.max(...times) >= 980 && Math.min(...times) < 20);
});

test('noise is standard normal', (t) => {
  const values = new Float32Array(20_001);
  fillNormal(values, streamOf(3, 'test'));
  const moment = (power: number) =>
    values.reduce((sum, value) => sum + value ** power, 0) / values.length;
  // Four standard deviations of each mean.
  for (const [power, expected, deviation] of [
    [1, 0, 1],
    [2, 1, Math.sqrt(2)],
    [3, 0, Math.sqrt(15)],
    [4, 3, Math.sqrt(96)],
  ] as const) {
    const off = Math.abs(moment(power) - expected);
    t.true(off < (4 * deviation) / Math.sqrt(values.length), `${power}: ${off}`);
  }
});
