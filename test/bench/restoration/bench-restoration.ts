/**
 * A network that enlarges drawings four times learns photographs: LoRA and CoLoRA with as many
 * weights, beside the network as it is and beside bicubic resizing, by PSNR and SSIM of parts of
 * four photographs that none has seen. The figures of resizing are those of the same parts.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Image } from '../../../worker/data/images/image.ts';
import { resize } from '../../../worker/data/images/resize.ts';
import { cutOut, inColour } from '../../../worker/data/images/stored-target.ts';
import { pngOf } from '../../../worker/data/images/write-png.ts';
import { likeness } from '../../../worker/restoration/likeness.ts';
import { trainHere } from '../../peers/train-job.ts';
import { morePhotographs } from '../../setup/more-photographs.ts';
import { photographs } from '../../setup/photographs.ts';
import { srvgg } from '../../setup/srvgg.ts';
import { chosen } from '../chosen.ts';
import { numberOf, numbersOf } from '../seed-options.ts';
import { spread } from '../train/table.ts';

const root = join(import.meta.dirname, '../../..');
const scale = 4;
/** Of unseen parts, in pixels that the network sees. */
const unseenCrop = 32;

/** Both train as many values: 7 % of those of the convolutions between the ends. */
const methods = {
  lora: { preset: 'LoRA', adapter: { type: 'LoRA', lora: { rank: 4 } } },
  colora: { preset: 'CoLoRA', adapter: { type: 'CoLoRA', coLora: { ratio: '0.07' } } },
} as const;
type MethodName = keyof typeof methods;

interface Likeness {
  readonly psnr: number;
  readonly ssim: number;
}

export async function benchRestoration(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '1,2,3' },
      steps: { type: 'string', default: '60' },
      rate: { type: 'string', default: '1e-3' },
    },
  });
  const names = chosen(methods, values.only);
  const [seeds, steps] = [numbersOf('seeds', values.seeds), numberOf('steps', values.steps)];
  await ensureNative(setup, root);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-restoration-'));
  try {
    const { seen, unseen } = await morePhotographs(setup);
    await writeAll(join(folder, 'train'), [...(await photographs(setup)), ...seen]);
    const parts = unseen.flatMap(partsOf);
    await writeAll(join(folder, 'unseen'), parts);
    say('bicubic resizing', [mean(parts.map(enlarged))]);
    const found = new Map<string, Likeness[]>(names.map((name) => [name, []]));
    for (const seed of seeds) {
      for (const method of names) {
        const asked = { folder, model: await srvgg(setup), method, seed, steps };
        const { before, after } = await trained({ ...asked, rate: values.rate });
        if (seed === seeds[0] && method === names[0]) say('as it is', [before]);
        found.get(method)?.push(after);
        say(`${method}, seed ${seed}`, [after]);
      }
    }
    for (const [name, own] of found) say(`${name}, all seeds`, own);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeAll(folder: string, images: readonly Image[]): Promise<void> {
  await mkdir(folder);
  for (const [i, image] of images.entries()) {
    await writeFile(join(folder, `${String(i).padStart(3, '0')}.png`), pngOf(image));
  }
}

/** As many as have room beside each other. A job's part of such a picture is all of it. */
function partsOf(image: Image): readonly Image[] {
  const edge = unseenCrop * scale;
  const coloured: Image =
    image.channels === 3 ? image : { ...image, channels: 3, pixels: inColour(image.pixels) };
  const [across, down] = [Math.floor(image.width / edge), Math.floor(image.height / edge)];
  return Array.from({ length: across * down }, (_, i) =>
    cutOut(coloured, [(i % across) * edge, Math.floor(i / across) * edge], edge),
  );
}

/** What Pillow makes of a part, to the byte, after the same filter made it smaller. */
function enlarged(part: Image): Likeness {
  const small = resize(part, part.width / scale, part.height / scale, 'Bicubic');
  const large = resize(small, part.width, part.height, 'Bicubic');
  const [a, b] = [large, part].map(({ width, height, pixels }) => ({
    ...{ width, height, values: Float64Array.from(pixels, (value) => value / 255) },
  }));
  if (a === undefined || b === undefined) throw new Error('no pictures');
  return likeness(a, b, scale);
}

interface Asked {
  readonly folder: string;
  readonly model: string;
  readonly method: MethodName;
  readonly seed: number;
  readonly steps: number;
  readonly rate: string;
}

async function trained({ folder, model, method, seed, steps, rate }: Asked) {
  const name = `${method}-${seed}`;
  const { result } = await trainHere(folder, name, {
    model: { source: { local: { path: model } }, task: 'Restoration' },
    dataset: {
      ...{ train: { local: { path: 'train' } }, eval: { local: { path: 'unseen' } } },
      restoration: { crop: unseenCrop },
    },
    method: { ...methods[method], precision: { type: 'Float32' } },
    training: {
      ...{ maxSteps: steps, globalBatchSize: 8, microBatchSize: 4, learningRate: rate, seed },
      evaluation: { intervalSteps: steps },
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['PEFTAdapter'], destination: { local: { path: name } } },
  });
  const report = JSON.parse(await readFile(join(result, 'report.json'), 'utf8')) as Report;
  const { before, after } = report.evaluation;
  return { before: before.likeness, after: after.likeness };
}

interface Report {
  readonly evaluation: Readonly<Record<'before' | 'after', { readonly likeness: Likeness }>>;
}

function mean(all: readonly Likeness[]): Likeness {
  const of = (which: keyof Likeness) => all.reduce((sum, one) => sum + one[which], 0) / all.length;
  return { psnr: of('psnr'), ssim: of('ssim') };
}

/** Of several the median, the least and the greatest. */
function say(name: string, all: readonly Likeness[]): void {
  const cell = (which: keyof Likeness, digits: number): string => {
    const values = all.map((one) => one[which]);
    return values.length === 1 ? (values[0] ?? 0).toFixed(digits) : spread(values, digits);
  };
  process.stdout.write(`| ${name} | ${cell('psnr', 2)} | ${cell('ssim', 4)} |\n`);
}
