/**
 * SVDQuant beside less of it, in 4 bits, weights and inputs: what linear layers lose of their
 * outputs, on the diffusion transformer of digits and on DINOv2-S, and how far digits of whole jobs
 * are from those of the full model. All that is drawn follows from seeds.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { resize } from '../../../worker/data/images/resize.ts';
import { cutOut } from '../../../worker/data/images/stored-target.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { calibrationPictures } from '../../../worker/denoising/calibration.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import type { HostSequence } from '../../../worker/engine/packed-sequence.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { visionConfig } from '../../../worker/vision/config.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { digitsDit } from '../../setup/digits-dit.ts';
import { dinoV2 } from '../../setup/dinov2.ts';
import { photographs } from '../../setup/photographs.ts';
import { pictureSequence } from '../../toy/vision.ts';
import { type LinearErrors, linearErrors, ways } from './linear-errors.ts';

const root = join(import.meta.dirname, '../../..');
const trajectory = { steps: 20, guidance: '1.5' };
/** Noises that calibration denoises. */
const noises = 128;
/** Edge of the parts of photographs, and how many. */
const [edge, parts] = [112, 64];

export async function benchSvdQuant(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      /** What to measure. */
      only: { type: 'string', default: 'digits;samples;dinov2' },
    },
  });
  await ensureNative(setup, root);
  setThreads(2);
  const wanted = values.only.split(';');
  const base = await digitsDit(setup);
  if (wanted.includes('digits')) {
    using files = openModel(base);
    const model = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: undefined });
    using _parameters = model.parameters;
    const settings = { sampler: linearSampler, steps: 20, guidance: 1.5, seed: 0 };
    const hosts = await calibrationPictures(model, settings, noises, setup.signal);
    tell('the digits model', model, hosts);
  }
  if (wanted.includes('samples')) await tellSamples(base);
  if (wanted.includes('dinov2')) {
    using files = openModel(await dinoV2(setup));
    const model = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: undefined });
    using _parameters = model.parameters;
    tell('DINOv2-S', model, await partsOf(setup, model));
  }
}

function tell(name: string, model: Model, hosts: readonly HostSequence[]): void {
  const all: LinearErrors[] = [];
  for (const one of linearErrors(model, hosts)) {
    all.push(one);
    const shown = one.errors.map((error) => error.toFixed(4)).join(' ');
    process.stdout.write(`${one.path}: ${shown}\n`);
  }
  const rows = ways.map((way, i) => {
    const errors = all.map((one) => one.errors[i] ?? Number.NaN);
    const mean = errors.reduce((sum, one) => sum + one, 0) / errors.length;
    const less = all.filter((one) => (one.errors[i] ?? 0) < (one.errors[i - 1] ?? 0)).length;
    return `| ${way} | ${mean.toFixed(4)} | ${i === 0 ? '' : `${less} of ${all.length}`} |`;
  });
  const head = ['layers in 4 bits, their inputs too', 'mean relative error', 'less than above'];
  process.stdout.write(
    `\n${name}\n\n| ${head.join(' | ')} |\n| --- | --- | --- |\n${rows.join('\n')}\n\n`,
  );
}

async function tellSamples(base: string): Promise<void> {
  const others = [8, 16, 32].map((lowRank) => ({ smoothing: 'Search', lowRank }));
  const all = [{}, { smoothing: 'Search' }, ...others];
  const lines: string[] = [];
  for (const activations of ['Int4', 'None']) {
    for (const [i, own] of all.entries()) {
      const found = await psnrOf(base, { ...own, activations });
      lines.push(
        `| ${activations === 'None' ? 'weights' : 'weights and inputs'}, ${ways[i]} | ${found.toFixed(2)} dB |`,
      );
      process.stdout.write(`${lines.at(-1)}\n`);
    }
  }
  process.stdout.write(
    `\n| in 4 bits | PSNR of pictures |\n| --- | --- |\n${lines.join('\n')}\n\n`,
  );
}

/** Of a job that rounds to nearest. */
async function psnrOf(base: string, own: object): Promise<number> {
  await using folder = await temporaryFolder();
  const plain = { method: 'RoundToNearest', scales: 'Extremes', scaleRefits: 0 };
  const isMeasured = 'smoothing' in own;
  const spec = {
    model: { source: { local: { path: base } }, task: 'Denoising' },
    method: { preset: 'NoTraining', precision: { type: 'Float32' } },
    worker: { devicesPerWorker: 0 },
    output: {
      quantization: {
        ...{ ...plain, range: 'Symmetric', trajectory },
        ...(isMeasured && { calibrationSequences: noises }),
        ...own,
      },
      destination: { local: { path: 'out' } },
    },
  };
  const kind = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
  const file = join(folder.path, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...kind, metadata: { name: 'digits' }, spec }));
  const run = await ToyRun.of(file, join(folder.path, 'run'), join(folder.path, 'out'));
  const [artifact] = (await run.all()).artifacts;
  return artifact?.evaluation?.samples?.psnr ?? Number.NaN;
}

/** Of two photographs, one in a sequence, as the model reads pictures. */
async function partsOf(setup: Setup, model: Model): Promise<readonly HostSequence[]> {
  const config = visionConfig(model.config);
  const images = await photographs(setup);
  const [mean, deviation] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  return Array.from({ length: parts }, (_, i) => {
    const whole = images[i % images.length];
    if (whole === undefined) throw new Error('there are no photographs');
    const size = 2 * edge;
    const top = (53 * i) % (whole.height - size);
    const left = (97 * i) % (whole.width - size);
    const part = resize(cutOut(whole, [left, top], size), edge, edge, 'Bicubic');
    const values = new Float32Array(3 * edge ** 2);
    for (let at = 0; at < edge ** 2; at += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const sample = (part.pixels[3 * at + channel] ?? 0) / 255;
        values[channel * edge ** 2 + at] =
          (sample - (mean[channel] ?? 0)) / (deviation[channel] ?? 1);
      }
    }
    const picture = { height: edge, width: edge, seed: i, label: 0 };
    const sequence = pictureSequence(config, [picture], { key: i });
    return { ...sequence, values: { pixels: { values, shape: [3, edge, edge] } } };
  });
}
