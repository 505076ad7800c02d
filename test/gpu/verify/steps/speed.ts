// Tokens a second and the memory plan at the shapes of published models, whose weights are drawn:
// neither depends on what they say.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLimits, parseJson } from '../../../../crds/text/json.ts';
import { runReport } from '../../../../crds/wire/run-report.ts';
import { writeShapedModel } from '../../../bench/models/shaped-model.ts';
import { type ModelSizes, sizes } from '../../../bench/models/shapes.ts';
import { session } from '../../../e2e/killed-run.ts';
import { makeToy } from '../../../toy/make-toy.ts';
import { writeToyJob } from '../../../toy/toy-job.ts';
import type { Found } from '../result.ts';
import type { Context } from '../step.ts';

const published: Readonly<Record<string, ModelSizes>> = {
  'Qwen2.5-0.5B': { ...sizes(24, 896, [14, 2], 4864), vocab_size: 151_936 },
  'Qwen2.5-1.5B': { ...sizes(28, 1536, [12, 2], 8960, 128), vocab_size: 151_936 },
};
const sample = { toy: { ...sizes(2, 64, [2, 1], 96, 32), vocab_size: 400 } };

const bfloat16 = { type: 'BFloat16' };
const halo = (format: string) => ({ type: 'HALO', halo: { format } });
const methods = {
  'all weights, bfloat16': { preset: 'Full', precision: bfloat16 },
  'LoRA, bfloat16': { preset: 'LoRA' },
  'HALO INT8': { preset: 'HALO', precision: halo('INT8') },
  'HALO FP8': { preset: 'HALO', precision: halo('FP8') },
} as const;

/** Of a step: sequences, and tokens of each. */
interface Batch {
  readonly sequences: number;
  readonly tokens: number;
  readonly steps: number;
}

/** The first step is not measured. */
const long: Batch = { sequences: 16, tokens: 1024, steps: 12 };
const short: Batch = { sequences: 2, tokens: 64, steps: 2 };

export async function speed({ folder, isSample }: Context): Promise<Found> {
  const found: Found = { figures: [], failures: [], leftOut: [] };
  const batch = isSample ? short : long;
  const like = await makeToy(join(folder, 'like'), 'qwen2', { dtype: 'bfloat16' });
  for (const [shape, size] of Object.entries(isSample ? sample : published)) {
    const model = join(folder, 'drawn');
    await writeShapedModel(like, model, size);
    for (const [name, method] of Object.entries(methods).slice(0, isSample ? 1 : undefined)) {
      await measure(found, join(folder, 'job'), `${shape}, ${name}`, { model, method, batch });
    }
    await rm(model, { recursive: true });
  }
  return found;
}

interface Measured {
  /** Its folder, which is lent to the job. */
  readonly model: string;
  readonly method: Readonly<Record<string, unknown>>;
  readonly batch: Batch;
}

async function measure(found: Found, folder: string, title: string, one: Measured): Promise<void> {
  const { model, method, batch } = one;
  await mkdir(folder, { recursive: true });
  const job = await writeToyJob(folder, {
    ...{ name: 'speed', method },
    dataset: {
      sequenceLength: batch.tokens,
      tokensPerSequence: batch.tokens,
      heldOut: { samples: 1 },
      overlength: 'Truncate',
    },
    training: { maxSteps: batch.steps, globalBatchSize: batch.sequences, learningRate: '1e-5' },
    checkpoint: { intervalSteps: 1000 },
  });
  await rm(join(folder, 'model'), { recursive: true });
  await rename(model, join(folder, 'model'));
  await writeFile(join(folder, 'data.jsonl'), conversations(4 * batch.sequences, batch.tokens));
  const flags = ['--device', 'cuda:0'];
  const { code, stderr } = await session(job, join(folder, 'cache'), null, { flags });
  if (code === 0) {
    const text = await readFile(join(job.destination, 'report.json'), 'utf8');
    tell(found, title, runReport.parse(parseJson(text, jsonLimits.runRecord)));
  } else found.failures.push(`${title}: ${stderr.trim().slice(-400)}`);
  await rename(join(folder, 'model'), model);
  await rm(folder, { recursive: true });
}

function tell(found: Found, title: string, report: ReturnType<typeof runReport.parse>): void {
  const { training, memory, model } = report;
  const { tokensPerSecond } = training;
  if (tokensPerSecond === undefined) found.failures.push(`${title}: its speed was not measured`);
  else {
    found.figures.push({ name: title, value: Math.round(tokensPerSecond), unit: 'tokens/s' });
    const work = (6 * model.parameters * tokensPerSecond) / 1e12;
    found.figures.push({ name: `${title}: six for each weight`, value: work, unit: 'TFLOP/s' });
  }
  const { device } = memory;
  if (device?.gap === undefined) found.failures.push(`${title}: its memory was not measured`);
  else {
    const gigabytes = device.measured.peak / 1e9;
    found.figures.push({ name: `${title}: memory`, value: gigabytes, unit: 'GB' });
    found.figures.push({ name: `${title}: beyond its plan`, value: 100 * device.gap, unit: '%' });
  }
}

/** Each answer fills a sequence: the toy's tokens are characters, or a few of them. */
function conversations(count: number, tokens: number): string {
  return Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: tokens }, (_, at) => `${(at * (i + 7)) % 97}`).join(' ');
    const messages = [
      { role: 'user', content: `what follows ${i}` },
      { role: 'assistant', content: words.slice(0, Math.floor(tokens * 0.7)) },
    ];
    return `${JSON.stringify({ messages })}\n`;
  }).join('');
}
