/**
 * Methods beside full fine-tuning of the same model, in alternating rounds of whole runs of the real command: time of a step, peak of
 * the training process, loss on the same held-out conversations. The first step, which fills caches and chooses directions, is left out
 * of the time.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { runJob } from '../run-job.ts';
import { methodJobs } from './jobs.ts';

const root = join(import.meta.dirname, '../../..');

export async function benchMethods(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '6' },
    },
  });
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const scratch = join(setup.cache.root, 'bench/methods');
  const wanted = values.only.split(',');
  const jobs = methodJobs.filter(({ name }) => values.only === '' || wanted.includes(name));
  const reports = new Map<string, RunReport[]>(jobs.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round += 1) {
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    for (const job of jobs) {
      const report = await runJob(setup, { ...job, steps: Number(values.steps) }, volume, scratch);
      reports.get(job.name)?.push(report);
      setup.steps.note(`${job.name}: ${(report.training.stepMs ?? 0).toFixed(0)} ms a step`);
    }
  }
  const [base = []] = reports.values();
  const head = [
    'method',
    'ms a step',
    '÷ first',
    'peak MiB',
    '÷ first',
    'planned',
    'held-out loss',
  ];
  const rows = [...reports].map(([name, own]) => rowOf(name, own, base));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  process.stdout.write(`\n${[head, head.map(() => '---'), ...rows].map(line).join('\n')}\n`);
}

function rowOf(name: string, own: readonly RunReport[], base: readonly RunReport[]): string[] {
  const times = spread(own.map(({ training }) => training.stepMs ?? Number.NaN));
  const peaks = spread(own.map(({ memory }) => memory.measured.peak / 2 ** 20));
  const [first, firstPeak] = [
    spread(base.map(({ training }) => training.stepMs ?? Number.NaN)),
    spread(base.map(({ memory }) => memory.measured.peak / 2 ** 20)),
  ];
  const [report] = own;
  const planned = (report?.memory.predicted?.peak ?? Number.NaN) / 2 ** 20;
  const loss = (at: 'before' | 'after') => report?.evaluation[at]?.loss?.toFixed(4) ?? '';
  return [
    ...[name, wordsOf(times), (times.middle / first.middle).toFixed(2)],
    ...[wordsOf(peaks), (peaks.middle / firstPeak.middle).toFixed(2), planned.toFixed(0)],
    `${loss('before')} to ${loss('after')}`,
  ];
}

interface Spread {
  readonly least: number;
  readonly middle: number;
  readonly most: number;
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return { least: at(0), middle: at(Math.floor(sorted.length / 2)), most: at(sorted.length - 1) };
}

function wordsOf({ least, middle, most }: Spread): string {
  return `${middle.toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`;
}
