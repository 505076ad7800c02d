/**
 * Adapters of the digits transformer, one for thick strokes, one for italic digits, and two more,
 * composed in each mode: how thick strokes are and how much they lean, beside what each adapter
 * does alone, and of how many pictures a classifier says that they show what was asked for. Beside
 * it what the cache of CMLoRA saves, and how far it moves pictures.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { firstNoise } from '../../../worker/denoising/sample.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { frozenModel, modelSource } from '../../../worker/engine/build-model.ts';
import {
  type ComposedModel,
  composedModel,
  type Given,
  singleModel,
} from '../../../worker/sample/composed-model.ts';
import { composedPictures } from '../../../worker/sample/composed-pictures.ts';
import { deepOf } from '../../../worker/sample/deep-blocks.ts';
import { blocksOf } from '../../../worker/sample/step-plan.ts';
import { loadAdapter, type ServedAdapter } from '../../../worker/serve/served-adapter.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { pngOf } from '../../builders/png.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { type Digit, digitSide, digits } from '../../setup/digits.ts';
import { digitNames, digitsDit } from '../../setup/digits-dit.ts';
import { chosen } from '../chosen.ts';
import { type Classifier, digitsClassifier } from './digits-classifier.ts';
import { darkest, depth, faded, lowered, sheared, slant, thickened, thickness } from './strokes.ts';

const root = join(import.meta.dirname, '../../..');
const settings = { steps: 20, guidance: 1.5 };
const noises = 512;
/** Pictures that are made at once. */
const together = 64;

interface Style {
  readonly change: (pixels: readonly number[]) => number[];
  /** What it changes, and no other style does. */
  readonly property: string;
  readonly measure: (pixels: readonly number[]) => number;
}

const styles = {
  thick: { change: thickened, property: 'thickness', measure: thickness },
  italic: { change: sheared, property: 'slant', measure: slant },
  low: { change: lowered, property: 'depth', measure: depth },
  faint: { change: faded, property: 'darkest', measure: darkest },
} as const satisfies Readonly<Record<string, Style>>;
type StyleName = keyof typeof styles;

export async function benchComposing(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      steps: { type: 'string', default: '300' },
      rate: { type: 'string', default: '1e-3' },
      seeds: { type: 'string', default: '3' },
      styles: { type: 'string', default: 'thick,italic' },
    },
  });
  const names = chosen(styles, values.styles);
  await ensureNative(setup, root);
  // Of one thread processor time is time.
  setThreads(1);
  const base = await digitsDit(setup);
  const all = await digits(setup);
  const own = all.map(({ pixels }) => pixels.map((value) => value / 16));
  const measured = (pictures: readonly (readonly number[])[]) =>
    names.map((name) => meanOf(pictures.map(styles[name].measure)));
  tell(['', ...names.map((name) => styles[name].property)]);
  tell(['scikit-learn, digits', ...measured(own)]);
  for (const name of names) {
    const pictures = own.map((pixels) => styles[name].change(pixels));
    tell([`scikit-learn, ${name}`, ...measured(pictures)]);
  }
  const classifier = digitsClassifier(all);
  for (let seed = 0; seed < Number(values.seeds); seed += 1) {
    await using folder = await temporaryFolder();
    const runs = [];
    for (const style of names) {
      const run = await trained(join(folder.path, style), { ...values, base, all, style, seed });
      runs.push([style, run] as const);
    }
    await compare(base, runs, classifier, seed);
  }
}

interface Training {
  readonly base: string;
  readonly all: readonly Digit[];
  readonly style: StyleName;
  readonly steps: string;
  readonly rate: string;
  readonly seed: number;
}

async function trained(folder: string, asked: Training): Promise<ToyRun> {
  const { base, all, style, steps, rate, seed } = asked;
  for (const label of digitNames) await mkdir(join(folder, 'pictures', label), { recursive: true });
  for (const [n, { pixels, label }] of all.entries()) {
    const changed = styles[style].change(pixels.map((value) => value / 16));
    const samples = changed.map((value) => Math.round(255 * value));
    const png = pngOf({ width: digitSide, height: digitSide, depth: 8, colourType: 0, samples });
    await writeFile(join(folder, 'pictures', String(label), `${n}.png`), png);
  }
  const spec = {
    model: { source: { local: { path: base } }, task: 'Denoising' },
    dataset: { train: { local: { path: 'pictures' } }, labels: digitNames },
    method: {
      preset: 'LoRA',
      adapter: { type: 'LoRA', lora: { rank: 8, targetModules: ['AllLinear'] } },
      precision: { type: 'Float32' },
    },
    training: {
      ...{ maxSteps: Number(steps), globalBatchSize: 64, microBatchSize: 64 },
      ...{ learningRate: rate, seed, schedule: { type: 'Cosine', warmupSteps: 20 } },
    },
    worker: { devicesPerWorker: 0 },
    output: { formats: ['PEFTAdapter'], destination: { local: { path: 'out' } } },
  };
  const kind = { apiVersion: 'anneal.dev/v1alpha1', kind: 'FineTuneJob' };
  const file = join(folder, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...kind, metadata: { name: style }, spec }));
  const run = await ToyRun.of(file, join(folder, 'run'), join(folder, 'out'));
  await run.all();
  return run;
}

async function compare(
  path: string,
  runs: readonly (readonly [StyleName, ToyRun])[],
  classifier: Classifier,
  seed: number,
): Promise<void> {
  using files = openModel(path);
  const base = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength: undefined });
  using _parameters = base.parameters;
  const names = runs.map(([name]) => name);
  const adapters = new Map<string, ServedAdapter>();
  for (const [name, run] of runs) {
    const { digest } = (await run.prepared()).model;
    const asked = { model: base, digest, acceptsUnnamed: false };
    adapters.set(name, await loadAdapter(name, join(run.destination, 'adapter'), asked));
  }
  const given: Given = {
    ...{ base, adapters, sampler: linearSampler },
    classes: digitNames.map(Number),
    settings: { ...settings, count: noises, seed: 7, caches: true },
  };
  const exact = { ...given, settings: { ...given.settings, caches: false } };
  const facts = (mode: 'merge' | 'logits' | 'switch' | 'dominant', weight: number) => {
    const parts = names.map((adapter) => ({ adapter, weight }));
    return { mode, parts, span: mode === 'dominant' ? null : 5 };
  };
  const ways: readonly (readonly [string, () => ComposedModel])[] = [
    ...['base', ...names].map((name) => [name, () => singleModel(name, given)] as const),
    ['merge, weights 1', () => composedModel(facts('merge', 1), given)],
    [
      `merge, weights ${(1 / names.length).toFixed(2)}`,
      () => composedModel(facts('merge', 1 / names.length), given),
    ],
    ['logits', () => composedModel(facts('logits', 1), given)],
    ['switch', () => composedModel(facts('switch', 1), given)],
    ['dominant, no cache', () => composedModel(facts('dominant', 1), exact)],
    ['dominant', () => composedModel(facts('dominant', 1), given)],
  ];
  const found = new Map<string, readonly number[]>();
  const made = new Map<string, Float32Array>();
  tell([
    `adapters of seed ${seed}`,
    ...names.map((name) => styles[name].property),
    'shares of each',
    'shows its class',
    'processor seconds',
    'blocks',
  ]);
  for (const [name, make] of ways) {
    using own = make();
    const began = process.cpuUsage();
    const pictures = picturesOf(own, given);
    const { user, system } = process.cpuUsage(began);
    const seconds = (user + system) / 1e6;
    made.set(name, pictures);
    const each = Array.from({ length: noises }, (_, n) =>
      Array.from(pictures.subarray(64 * n, 64 * (n + 1)), (value) =>
        Math.min(1, Math.max(0, (1 + value) / 2)),
      ),
    );
    const measured = names.map((style) => meanOf(each.map(styles[style].measure)));
    found.set(name, measured);
    const shares = names.map((style, i) => {
      const zero = found.get('base')?.[i] ?? 0;
      return ((measured[i] ?? 0) - zero) / ((found.get(style)?.[i] ?? 1) - zero);
    });
    const isComposed = name !== 'base' && !adapters.has(name);
    const shown = classifier.classify(pictures).filter((label, n) => label === n % 10).length;
    const { from, to } = deepOf(base.config.L);
    const blocks = blocksOf(own.plan, { L: base.config.L, deep: to - from });
    const words = shares.map((share) => share.toFixed(2)).join(', ');
    const row = [...measured, isComposed ? words : ''];
    tell([name, ...row, `${((100 * shown) / noises).toFixed(1)} %`, seconds, blocks]);
    if (own.sequencing !== undefined) process.stdout.write(`${JSON.stringify(own.sequencing)}\n`);
  }
  const [a = new Float32Array(), b = a] = ['dominant', 'dominant, no cache'].map((one) =>
    made.get(one),
  );
  const square = a.reduce((sum, value, i) => sum + (value - (b?.[i] ?? 0)) ** 2, 0) / a.length;
  process.stdout.write(
    `mean square of dominant from that without the cache: ${square.toFixed(5)}\n`,
  );
  for (const adapter of adapters.values()) adapter[Symbol.dispose]();
}

function picturesOf(own: ComposedModel, { base, settings: { seed, guidance }, sampler }: Given) {
  const config = diffusionConfig(base.config);
  const first = firstNoise(config, noises, seed);
  const size = first.length / noises;
  const made = new Float32Array(first.length);
  for (let from = 0; from < noises; from += together) {
    const part = first.subarray(from * size, (from + together) * size);
    const classes = Array.from({ length: together }, (_, i) => (from + i) % config.labels);
    const asked = { classes, guidance, sampler };
    made.set(composedPictures(own.parts, own.plan, part, asked), from * size);
  }
  return made;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function tell(cells: readonly (string | number)[]): void {
  const shown = cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(3) : cell));
  process.stdout.write(`| ${shown.join(' | ')} |\n`);
}
