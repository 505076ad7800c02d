import test from 'ava';
import {
  byChannelOf,
  fromPatches,
  type PatchOrder,
  patchesOf,
  toPatches,
} from '../../../worker/diffusion/patches.ts';

const shape = { channels: 2, side: 4, patch: 2 };
const pictures = Float32Array.from({ length: 3 * 2 * 16 }, (_, i) => i);

test('the first patch of two channels, channel by channel and pixel by pixel', (t) => {
  t.is(patchesOf(shape), 4);
  const first = (order: PatchOrder) => [...toPatches(pictures, shape, order).slice(0, 8)];
  t.deepEqual(first('ByChannel'), [0, 1, 4, 5, 16, 17, 20, 21]);
  t.deepEqual(first('ByPixel'), [0, 16, 1, 17, 4, 20, 5, 21]);
  const sixth = toPatches(pictures, shape, 'ByChannel').slice(5 * 8, 5 * 8 + 4);
  t.deepEqual([...sixth], [34, 35, 38, 39], 'the second patch of the second picture');
});

test('pictures are found again in both orders, and one order in the other', (t) => {
  for (const order of ['ByChannel', 'ByPixel'] as const) {
    t.deepEqual(fromPatches(toPatches(pictures, shape, order), shape, order), pictures);
  }
  const byPixel = toPatches(pictures, shape, 'ByPixel');
  const order = byChannelOf(shape);
  const found = byPixel.map((_, at) => byPixel[Math.floor(at / 8) * 8 + (order[at % 8] ?? 0)] ?? 0);
  t.deepEqual(found, toPatches(pictures, shape, 'ByChannel'));
});
