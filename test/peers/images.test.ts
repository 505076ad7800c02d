// Pictures against Pillow and transformers: decoding, turning and resizing to the byte, and pixel
// values of the processors that work on Pillow (those on torchvision, its default, give others).
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeImage } from '../../worker/data/images/decode.ts';
import { type Image, toGrey } from '../../worker/data/images/image.ts';
import type { ResizeFilter } from '../../worker/data/images/preprocessing.ts';
import { readPreprocessorConfig } from '../../worker/data/images/preprocessor-config.ts';
import { resize } from '../../worker/data/images/resize.ts';
import { pngOf } from '../builders/png.ts';
import { preprocess } from '../builders/preprocess.ts';
import { askPeer } from './ask-peer.ts';

interface Stored {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly samples: string;
}

interface Cases {
  readonly png: readonly (Stored & { readonly file: string })[];
  readonly jpeg: readonly (Stored & { readonly file: string })[];
  readonly resize: readonly {
    readonly filter: ResizeFilter;
    readonly from: Stored;
    readonly to: Stored;
  }[];
  readonly grey: readonly { readonly from: Stored; readonly to: Stored }[];
  readonly processors: readonly {
    readonly config: { readonly image_processor_type: string };
    readonly from: Stored;
    readonly shape: readonly number[];
    readonly values: string;
  }[];
}

let folder = '';
let cases: Cases;
test.before(async (t) => {
  t.timeout(5 * 60_000);
  folder = await mkdtemp(join(tmpdir(), 'anneal-images-'));
  for (const [name, png] of Object.entries(madePngs())) {
    await writeFile(join(folder, `made-${name}.png`), png);
  }
  await askPeer('images_peer.py', [folder]);
  cases = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** What Pillow does not write: interlaced ones, all filters, colours of 16 bits. */
function madePngs(): Readonly<Record<string, Buffer>> {
  const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
  const kinds = [
    ...[1, 2, 4, 8].map((depth) => [0, depth] as const),
    ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
    ...[2, 4, 6].flatMap((type) => [8, 16].map((depth) => [type, depth] as const)),
  ];
  const made = kinds.flatMap(([colourType, depth]) =>
    [true, false].map((isInterlaced) => {
      const [width, height] = [11, 13];
      const count = width * height * (samples[colourType] ?? 0);
      const png = pngOf({
        ...{ width, height, depth, colourType, isInterlaced, filterOf: (row) => row % 5 },
        samples: Array.from({ length: count }, (_, i) => (i * 40_503 + i * i) % 2 ** depth),
        ...(colourType === 3 && {
          palette: Array.from({ length: 3 * 2 ** depth }, (_, i) => (i * 37) % 256),
        }),
      });
      return [`${colourType}-${depth}-${isInterlaced}`, png] as const;
    }),
  );
  return Object.fromEntries(made);
}

async function pictureOf({ width, height, channels, samples }: Stored): Promise<Image> {
  return { width, height, channels, pixels: await readFile(join(folder, samples)) };
}

async function same(t: ExecutionContext, ours: Image, theirs: Stored, name: string): Promise<void> {
  const { pixels } = await pictureOf(theirs);
  const { width, height, channels } = ours;
  t.deepEqual(
    { width, height, channels },
    { width: theirs.width, height: theirs.height, channels: theirs.channels },
    name,
  );
  t.is(Buffer.compare(ours.pixels, pixels), 0, name);
}

for (const [kind, least] of [
  ['png', 50],
  ['jpeg', 100],
] as const) {
  test(`${kind}: the samples are those of Pillow, to the byte`, async (t) => {
    t.true(cases[kind].length >= least);
    for (const each of cases[kind]) {
      await same(t, decodeImage(await readFile(join(folder, each.file))), each, each.file);
    }
  });
}

test('resize: up, down and along one side, all filters, to the byte', async (t) => {
  t.true(cases.resize.length >= 100);
  for (const { filter, from, to } of cases.resize) {
    const ours = resize(await pictureOf(from), to.width, to.height, filter);
    const name = `${filter} ${from.width} x ${from.height} to ${to.width} x ${to.height}`;
    await same(t, ours, to, name);
  }
});

test('colours become the grey of Pillow, to the byte', async (t) => {
  t.is(cases.grey.length, 3);
  for (const { from, to } of cases.grey) {
    await same(t, toGrey(await pictureOf(from)), to, `${from.width} x ${from.height}`);
  }
});

test('pixel values are those of the processors of ViT, DeiT, DINOv2 and CLIP', async (t) => {
  const types = new Set(cases.processors.map(({ config }) => config.image_processor_type));
  t.deepEqual([...types].sort(), [
    ...['BitImageProcessor', 'CLIPImageProcessor', 'DeiTImageProcessor', 'ViTImageProcessor'],
  ]);
  for (const { config, from, shape, values } of cases.processors) {
    const channels = shape[0] === 1 ? 1 : 3;
    const ours = preprocess(await pictureOf(from), readPreprocessorConfig(config, { channels }));
    const { buffer, byteOffset, byteLength } = await readFile(join(folder, values));
    const theirs = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    t.deepEqual([ours.channels, ours.height, ours.width], [...shape]);
    const gap = ours.values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (theirs[i] ?? Number.NaN))),
      0,
    );
    t.true(gap <= 1e-6, `${JSON.stringify(config)}: ${gap}`);
    t.log(`${config.image_processor_type}, ${from.width} x ${from.height}: ${gap}`);
  }
});
