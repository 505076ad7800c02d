/**
 * Jobs that train together beside the same jobs one after the other: whole runs of the real command
 * on the demo's model, from nothing to results that were read back, in turn and every second round
 * backwards. The peak is the largest of a process, by the reports; results are compared byte by
 * byte. Bars: at most 2 times the memory of one job, 0.7 of the time of all of them in a row, and
 * 5 % above the plan.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { type RunReport, runReport } from '../../../crds/wire/run-report.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { documentOf } from '../run-job.ts';
import { median } from '../train/table.ts';
import { inTurn } from '../turns.ts';

const root = join(import.meta.dirname, '../../..');

interface Round {
  readonly seconds: number;
  readonly reports: readonly RunReport[];
  /** Of the adapters, by job. */
  readonly digests: readonly ReturnType<typeof digestsBelow>[];
}

interface Asked {
  readonly volume: string;
  readonly scratch: string;
  readonly names: readonly string[];
}

const ways = {
  together: (names: readonly string[]) => [names],
  'in a row': (names: readonly string[]) => names.map((name) => [name]),
} as const;
type Way = keyof typeof ways;

export async function benchTogether(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      jobs: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '4' },
      rank: { type: 'string', default: '8' },
      /** `Dense`, or what the base is quantized to. */
      base: { type: 'string', default: 'Dense' },
    },
  });
  await ensureNative(setup, root);
  const volume = await ensureDemo(setup);
  const scratch = join(setup.cache.root, 'bench/together');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const names = Array.from({ length: Number(values.jobs) }, (_, i) => `tenant-${i + 1}`);
  const base = values.base === 'Dense' ? {} : { base: { type: values.base } };
  const adapter = { type: 'LoRA', lora: { rank: Number(values.rank) } };
  for (const [seed, name] of names.entries()) {
    const job = documentOf({
      ...{ name, method: { preset: 'LoRA', adapter, ...base }, formats: ['PEFTAdapter'] },
      ...{ steps: Number(values.steps), training: { seed, globalBatchSize: 2 } },
    });
    await writeFile(join(scratch, `${name}.yaml`), stringify(job));
  }
  const found = new Map<Way, Round[]>([
    ['together', []],
    ['in a row', []],
  ]);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [way, rounds] of inTurn([...found], round)) {
      const done = await runRound(setup, ways[way](names), { volume, scratch, names });
      rounds.push(done);
      setup.steps.note(`round ${round + 1}, ${way}: ${done.seconds.toFixed(0)} s`);
    }
  }
  process.stdout.write(`\n${tableOf(found.get('together') ?? [], found.get('in a row') ?? [])}\n`);
}

/** One command for each group of jobs, one after the other. */
async function runRound(
  setup: Setup,
  groups: readonly (readonly string[])[],
  { volume, scratch, names }: Asked,
): Promise<Round> {
  const began = performance.now();
  for (const group of groups) {
    const files = group.map((name) => join(scratch, `${name}.yaml`));
    const flags = ['--fresh', '--display', 'quiet', '--volume', `demo=${volume}`];
    await execa(process.execPath, [join(root, 'cli/anneal.mjs'), 'run', ...files, ...flags], {
      env: { ANNEAL_CACHE: scratch },
      cancelSignal: setup.signal,
    });
  }
  const seconds = (performance.now() - began) / 1000;
  const reports = await Promise.all(
    names.map(async (name) =>
      runReport.parse(JSON.parse(await readFile(join(scratch, name, 'report.json'), 'utf8'))),
    ),
  );
  return { seconds, reports, digests: names.map((name) => digestsBelow(join(scratch, name))) };
}

function tableOf(together: readonly Round[], alone: readonly Round[]): string {
  const seconds = (rounds: readonly Round[]) => median(rounds.map((round) => round.seconds));
  const ratios = together.map((round, i) => round.seconds / (alone[i]?.seconds ?? Number.NaN));
  const peak = (rounds: readonly Round[]) =>
    Math.max(...rounds.flatMap(({ reports }) => reports.map(({ memory }) => memory.measured.peak)));
  const planned = together[0]?.reports[0]?.memory.together?.predicted ?? Number.NaN;
  const same = together.every(
    ({ digests }) => JSON.stringify(digests) === JSON.stringify(alone[0]?.digests),
  );
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  const each = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
  const cells = [
    together[0]?.reports.length ?? 0,
    `${seconds(together).toFixed(0)} of ${seconds(alone).toFixed(0)}`,
    `${median(ratios).toFixed(2)} (${each})`,
    `${mib(peak(together))} of ${mib(peak(alone))}`,
    (peak(together) / peak(alone)).toFixed(2),
    `${((100 * (peak(together) - planned)) / planned).toFixed(1)} %`,
    same ? 'yes' : 'no',
  ];
  const head = [
    ...['jobs', 'seconds together, of in a row', 'ratio (each round)'],
    ...['peak MiB together, of one', 'ratio', 'above the plan', 'same bytes'],
  ];
  const row = (all: readonly (string | number)[]) => `| ${all.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), row(cells)].join('\n');
}
