/**
 * Each kernel of ours and the operators that it replaces, in one process, one call of the one after
 * one of the other, so that a neighbour on the machine disturbs both alike; medians of wall time.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { median } from '../train/table.ts';

export async function benchKernels(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '15' },
      threads: { type: 'string', default: String(availableParallelism()) },
      only: { type: 'string', default: '' },
      /** Less than the processor has: portable, avx2, avx512. */
      isa: { type: 'string' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  // Loads the addon, which may just have been built.
  const { scope } = await import('../../../worker/tensor/scope.ts');
  const { setThreads } = await import('../../../worker/tensor/threads.ts');
  const { chooseIsa } = await import('../../../worker/tensor/ops.generated.ts');
  const { kernelCases } = await import('./cases.ts');
  setThreads(Number(values.threads));
  setup.steps.note(`instruction set: ${chooseIsa(values.isa ?? null)}`);
  const lines = [
    '| kernel | replaces | ours, ms | theirs, ms | ratio | ours reaches |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  for (const one of kernelCases().filter(({ name }) => name.includes(values.only))) {
    const times = { ours: [] as number[], theirs: [] as number[] };
    for (let round = -2; round < Number(values.rounds); round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const began = performance.now();
        scope(one[side]);
        if (round >= 0) times[side].push(performance.now() - began);
      }
    }
    const [ours, theirs] = [median(times.ours), median(times.theirs)];
    const cells = [one.name, one.reference, inMs(times.ours), inMs(times.theirs)];
    lines.push(`| ${[...cells, (ours / theirs).toFixed(2), reached(one, ours)].join(' | ')} |`);
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

const sides = ['ours', 'theirs'] as const;

function inMs(times: readonly number[]): string {
  return `${median(times).toFixed(2)} (${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)})`;
}

function reached(
  { flops, bytes }: { readonly flops?: number; readonly bytes?: number },
  ms: number,
): string {
  if (flops !== undefined) return `${(flops / ms / 1e6).toFixed(0)} G op/s`;
  return bytes === undefined ? '' : `${(bytes / ms / 1e6).toFixed(1)} GB/s`;
}
