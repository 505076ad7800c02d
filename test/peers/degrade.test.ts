// Degraded pictures against Pillow, to the byte, and likenesses of pictures against NumPy.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { degraded } from '../../worker/data/degrade/degrade.ts';
import type { Image } from '../../worker/data/images/image.ts';
import { openSafetensors, writeSafetensors } from '../../worker/files/safetensors.ts';
import { likeness } from '../../worker/restoration/likeness.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { tensor, toArray } from '../../worker/tensor/tensor.ts';
import { askPeer } from './ask-peer.ts';

/** Waves of several lengths and some noise, as smooth and as rough as pictures are. */
function aPicture(width: number, height: number, channels: 1 | 3, seed: number): Image {
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [c, x] = [i % channels, Math.floor(i / channels) % width];
    const y = Math.floor(i / channels / width);
    const waves = Math.sin((x + seed) / (3 + c)) + Math.cos((y - 2 * x) / (7 + seed + c));
    const rough = ((37 * i * i + 11 * i + 211 * seed) % 97) / 97;
    return Math.max(0, Math.min(255, Math.round(110 + 50 * waves + 60 * rough)));
  });
  return { width, height, channels, pixels };
}

const pictures = {
  colour: aPicture(48, 32, 3, 1),
  odd: aPicture(37, 21, 3, 2),
  tiny: aPicture(3, 5, 3, 3),
  grey: aPicture(29, 18, 1, 4),
  other: aPicture(48, 32, 3, 5),
} satisfies Readonly<Record<string, Image>>;

type Name = keyof typeof pictures;
const pairs = (['colour', 'odd', 'tiny', 'grey'] as const).flatMap((of) => [
  ...[10, 40, 75, 95].map((jpeg) => ({ of, one: { jpeg } })),
  ...(of === 'tiny' ? [] : [2, 3, 4].map((downUp) => ({ of, one: { downUp } }))),
]);
const nameOf = (of: Name, one: object) => `${of} ${JSON.stringify(one)}`;

let folder = '';
const judged = () => join(folder, 'judged.safetensors');
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-degrade-'));
  const file = join(folder, 'pictures.safetensors');
  const planned = Object.entries(pictures).map(([name, { width, height, channels, pixels }]) => {
    const shape = channels === 1 ? [height, width] : [height, width, channels];
    const make = () => scope(() => tensor([...pixels], shape, 'uint8'));
    return [name, { shape, dtype: 'uint8', make }] as const;
  });
  await writeSafetensors(file, new Map(planned));
  const requests = [
    ...pairs.map(({ of, one }) => [nameOf(of, one), { of, ...one }]),
    ...[0, 4].map((border) => [`like ${border}`, { of: 'colour', target: 'other', border }]),
  ];
  await askPeer('degrade_peer.py', [judged(), file, JSON.stringify(Object.fromEntries(requests))]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

for (const { of, one } of pairs) {
  test(`Pillow has the same bytes of ${nameOf(of, one)}`, (t) => {
    using peer = openSafetensors(judged());
    const found = degraded(pictures[of], [one], streamOf(1, 'unused'));
    const theirs = scope(() => toArray(peer.load(nameOf(of, one))));
    const gaps = theirs.map((value, i) => Math.abs(value - (found.pixels[i] ?? -1000)));
    t.is(found.pixels.length, theirs.length);
    t.is(Math.max(...gaps), 0, `${gaps.filter((gap) => gap > 0).length} of ${gaps.length}`);
  });
}

for (const border of [0, 4]) {
  test(`NumPy has the same PSNR and SSIM with a border of ${border}`, (t) => {
    using peer = openSafetensors(judged());
    const asValues = ({ pixels, ...size }: Image) => ({
      ...size,
      values: Float64Array.from(pixels, (value) => value / 255),
    });
    const { psnr, ssim } = likeness(asValues(pictures.colour), asValues(pictures.other), border);
    const theirs = scope(() => toArray(peer.load(`like ${border}`)));
    for (const [i, ours] of [psnr, ssim].entries()) {
      t.true(Math.abs(ours - (theirs[i] ?? Number.NaN)) <= 1e-10, `${ours} and ${theirs[i]}`);
    }
  });
}
