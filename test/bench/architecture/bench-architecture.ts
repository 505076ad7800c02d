// What a search of operations and bits is worth: networks that were found, at several penalties,
// beside networks with one operation and one width everywhere, all trained alike from new weights
// on parts of two photographs, and judged on parts that none has seen. And how long a step of the
// search takes with noise, and with rounding.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Setup } from '../../../cli/setup/setup.ts';
import { type FoundConfig, foundJson } from '../../../worker/quantnas/config.ts';
import { type Genotype, genotypeCost } from '../../../worker/quantnas/genotype.ts';
import { type Operation, placesOfCell, type Width } from '../../../worker/quantnas/space.ts';
import { trainHere } from '../../peers/train-job.ts';
import { photographs } from '../../setup/photographs.ts';
import { chosen } from '../chosen.ts';
import { numberOf } from '../seed-options.ts';
import { writeTiles } from './tiles.ts';

const operations: readonly Operation[] = [
  ...(['simple_1x1', 'simple_3x3', 'simple_5x5', 'simple_3x3_grouped_2', 'growth1_3x3'] as const),
];
const widths: readonly Width[] = [4, 8];
const sizes = { H: 16, scale: 2 };
const cells = 2;
const crop = 16;
const penalties = '0,1e-3,3e-3,1e-2,3e-2,1e-1';
const usual = { penalties, steps: '1500', warmup: '500', rate: '3e-3', seed: '0' };
/** What is measured. */
const parts = { uniform: true, found: true, times: true } as const;
const inTurns = ['Noise', 'Rounding', 'Noise', 'Rounding'] as const;

interface Settings {
  readonly folder: string;
  readonly steps: number;
  readonly rate: string;
  readonly seed: number;
}

/** A network that was trained. */
interface Trained {
  readonly cost: number;
  readonly psnr: number;
}

export async function benchArchitecture(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      penalties: { type: 'string', default: usual.penalties },
      steps: { type: 'string', default: usual.steps },
      warmup: { type: 'string', default: usual.warmup },
      rate: { type: 'string', default: usual.rate },
      seed: { type: 'string', default: usual.seed },
      only: { type: 'string', default: '' },
    },
  });
  const wanted = chosen(parts, values.only);
  const seed = numberOf('seed', values.seed, 0);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-search-'));
  const settings = { folder, steps: Number(values.steps), rate: values.rate, seed };
  try {
    await writeTiles(await photographs(setup), folder);
    await writeSpace(folder);
    const search = { warmupSteps: Number(values.warmup), learningRate: '3e-2', entropy: '3e-2' };
    console.log('network                                    BitOps    PSNR');
    const uniforms = wanted.includes('uniform') ? await trainUniform(settings) : [];
    for (const penalty of wanted.includes('found') ? values.penalties.split(',') : []) {
      const { genotype } = await searched(settings, `penalty-${penalty}`, { ...search, penalty });
      const names = genotype.flat().map(({ operation, bits }) => `${operation}/${bits}`);
      const own = await say(`found at ${penalty}`, genotype, settings);
      const others = uniforms.filter(({ cost }) => cost <= own.cost).map(({ psnr }) => psnr);
      const best = others.length === 0 ? '' : `, uniform to ${Math.max(...others).toFixed(2)} dB`;
      console.log(`  ${names.join(', ')}${best}`);
    }
    for (const surrogate of wanted.includes('times') ? inTurns : []) {
      const short = { ...settings, steps: 200 };
      const own = { ...search, warmupSteps: 1, surrogate };
      const { stepMs } = await searched(short, `time-${surrogate.toLowerCase()}`, own);
      console.log(`a step with ${surrogate}: ${stepMs.toFixed(1)} ms`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function uniform(operation: Operation, bits: Width): FoundConfig['genotype'] {
  const place = { operation, bits };
  const cell = Array.from({ length: placesOfCell }, () => place);
  return Array.from({ length: cells }, () => cell);
}

/** Networks with one operation and one width everywhere. */
async function trainUniform(settings: Settings): Promise<readonly Trained[]> {
  const all: Trained[] = [];
  for (const bits of widths) {
    for (const operation of operations) {
      all.push(await say(`${operation} in ${bits} bits`, uniform(operation, bits), settings));
    }
  }
  return all;
}

/** Trains it, and tells what it costs and gives. */
async function say(
  name: string,
  genotype: FoundConfig['genotype'],
  settings: Settings,
): Promise<Trained> {
  const psnr = await trained(settings, genotype);
  const cost = genotypeCost(genotype, sizes.H);
  const thousands = (cost / 1000).toFixed(0).padStart(6);
  console.log(`${name.padEnd(40)} ${thousands} k   ${psnr.toFixed(2)} dB`);
  return { cost, psnr };
}

async function writeSpace(folder: string): Promise<void> {
  const json = {
    ...{ model_type: 'quantnas-supernet', num_feat: sizes.H, num_cells: cells },
    ...{ upscale: sizes.scale, bits: widths, operations },
  };
  await mkdir(join(folder, 'space'));
  await writeFile(join(folder, 'space/config.json'), JSON.stringify(json));
}

/** PSNR of unseen parts, after training from new weights. */
async function trained(settings: Settings, genotype: FoundConfig['genotype']): Promise<number> {
  const { folder } = settings;
  await mkdir(join(folder, 'network'), { recursive: true });
  const json = JSON.stringify(foundJson(sizes, genotype));
  await writeFile(join(folder, 'network/config.json'), json);
  const { evaluation } = await run(settings, 'network-run', 'network', {});
  return evaluation.after.likeness.psnr;
}

async function searched(
  settings: Settings,
  name: string,
  architectureSearch: Readonly<Record<string, unknown>>,
): Promise<Genotype & { readonly stepMs: number }> {
  const { training } = await run(settings, name, 'space', { architectureSearch });
  const file = join(settings.folder, name, 'merged/genotype.json');
  return { ...JSON.parse(await readFile(file, 'utf8')), stepMs: training.stepMs };
}

interface Report {
  readonly evaluation: { readonly after: { readonly likeness: { readonly psnr: number } } };
  /** The median. */
  readonly training: { readonly stepMs: number };
}

async function run(
  { folder, steps, rate, seed }: Settings,
  name: string,
  model: string,
  training: Readonly<Record<string, unknown>>,
): Promise<Report> {
  for (const each of [name, `runs/${name}`]) {
    await rm(join(folder, each), { recursive: true, force: true });
  }
  const { result } = await trainHere(folder, name, {
    model: {
      ...{ source: { local: { path: model } }, task: 'Restoration' },
      initialization: 'FromScratch',
    },
    dataset: {
      ...{ train: { local: { path: 'train' } }, eval: { local: { path: 'unseen' } } },
      restoration: { crop },
    },
    method: { preset: 'QuantNAS' },
    training: {
      ...{ maxSteps: steps, globalBatchSize: 8, microBatchSize: 8, learningRate: rate, seed },
      ...training,
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['MergedSafetensors'], destination: { local: { path: name } } },
  });
  return JSON.parse(await readFile(join(result, 'report.json'), 'utf8'));
}
