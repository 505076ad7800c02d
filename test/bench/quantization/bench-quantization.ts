/**
 * npm run bench -- quantization: what the demo's model loses where the linear layers of its blocks
 * are quantized without any training, beside itself on the same held-out tokens. Intervals are of
 * 95 %, by documents. Times are of making codes alone.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { preparedRecord, runFiles, runRecord } from '../../../crds/wire/run-folder.ts';
import { runJob } from '../run-job.ts';
import { compare, type Outcome, openStudy } from './study.ts';
import { variants } from './variants.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchQuantization(setup: Setup, args: readonly string[]): Promise<void> {
  const { values: asked } = parseArgs({
    args: [...args],
    options: {
      /** Names of rows, or what they begin with, with semicolons between. */
      only: { type: 'string', default: '' },
      /** Training sequences that calibrated rows see. */
      sequences: { type: 'string', default: '32' },
    },
  });
  await ensureNative(setup, root);
  const scratch = join(setup.cache.root, 'bench/quantization');
  await mkdir(scratch, { recursive: true });
  await runJob(setup, job, await ensureDemo(setup), scratch);
  const runs = join(scratch, 'runs', job.name);
  const newest = (await readdir(runs))
    .map(Number)
    .filter(Number.isInteger)
    .sort((a, b) => b - a);
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(runs, String(newest[0]), name), 'utf8'));
  const run = runRecord.parse(await read(runFiles.run));
  const prepared = preparedRecord.parse(await read(runFiles.prepared));
  using study = await openStudy(run, prepared, Number(asked.sequences), setup.signal);
  setup.steps.note(`${study.tokens} target tokens of ${study.documents} held-out records`);
  const wanted = asked.only.split(';');
  const lines = [...head];
  for (const variant of variants) {
    if (!wanted.some((one) => variant.name.startsWith(one))) continue;
    const found = await compare(study, variant, setup.signal);
    lines.push(lineOf(variant.name, found));
    setup.steps.note(lines.at(-1) ?? '');
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** One step, for its data in tokens. */
const job = {
  ...{ name: 'quantization', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'], steps: 1 },
  dataset: { maxSamples: 400, heldOut: { samples: 24 }, sequenceLength: 512 },
} as const;

const head = [
  '| layers of the blocks in | bits a weight | perplexity × | KL divergence, nats | same token | seconds |',
  '| --- | --- | --- | --- | --- | --- |',
];

function lineOf(name: string, { bits, divergence, seconds }: Outcome): string {
  const { perplexityRatio: ratio, divergence: kl, agreement } = divergence;
  const cells = [
    name,
    bits.toFixed(2),
    `${ratio.value.toFixed(3)} (${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)})`,
    kl.value.toFixed(4),
    `${(100 * agreement.value).toFixed(1)} %`,
    seconds.toFixed(0),
  ];
  return `| ${cells.join(' | ')} |`;
}
