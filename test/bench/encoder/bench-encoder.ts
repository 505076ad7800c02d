/**
 * A step of a classifier beside transformers + PEFT: LoRA on query and value of MiniLM in float32,
 * the same sentences and threads. Ours packs them; the peer pads them to the longest of a batch,
 * or, as its users do to pad less, gets batches of sentences of like length. Every measurement is
 * a fresh process; rounds alternate, and what is compared is the mean over all batches, after two
 * warm steps, and then the median over rounds.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { miniLm } from '../../setup/minilm.ts';
import { ensurePeers } from '../../setup/peers.ts';
import type { StepResult } from '../train/request.ts';
import { median } from '../train/table.ts';
import { inTurn } from '../turns.ts';
import type { ClassRequest, ClassRows } from './request.ts';
import { classRows } from './texts.ts';

const programs = ['ours', 'peer', 'peer, like lengths'] as const;
type Program = (typeof programs)[number];

export async function benchEncoder(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      rows: { type: 'string', default: '64' },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const volume = await ensureDemo(setup);
  const model = await miniLm(setup);
  const { python } = await ensurePeers(setup);
  const [batches, rows] = [8, Number(values.rows)];
  const mixed = await classRows({ volume, model, batches, rows }, setup.signal);
  const request: Omit<ClassRequest, 'batches'> = {
    ...{ model, threads: availableParallelism(), rank: 8, alpha: 16 },
    ...{ learning_rate: 5e-4, clip: 1, steps: warmUp + batches },
  };
  const measured = new Map<Program, StepResult[]>();
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const program of inTurn(programs, round)) {
      const [file, words] =
        program === 'ours'
          ? [process.execPath, [...workerNodeArguments('train'), pathOf('our-step.ts')]]
          : [python, [pathOf('../train/peer_classifier.py')]];
      const own = program === 'peer, like lengths' ? likeLengths(mixed, rows) : mixed;
      const { stdout } = await execa(file, words, {
        input: JSON.stringify({ ...request, batches: own }),
        env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
        cancelSignal: setup.signal,
      });
      // Both halves write exactly this; they are ours.
      const result = JSON.parse(stdout) as StepResult;
      measured.set(program, [...(measured.get(program) ?? []), result]);
      setup.steps.note(`${program}: ${seconds(result).toFixed(3)} s, ${megabytes(result)} MB`);
    }
  }
  process.stdout.write(`\n${table(measured, mixed, rows)}\n`);
}

/** The same sentences, sorted into batches; their order stays that of a shuffle. */
function likeLengths(batches: readonly ClassRows[], rows: number): readonly ClassRows[] {
  const sorted = batches.flatMap(({ ids }) => ids).toSorted((a, b) => a.length - b.length);
  return batches.map(({ labels }, i) => {
    const place = (5 * i) % batches.length;
    return { ids: sorted.slice(place * rows, (place + 1) * rows), labels };
  });
}

function table(
  measured: ReadonlyMap<Program, readonly StepResult[]>,
  batches: readonly ClassRows[],
  rows: number,
): string {
  const tokens = batches.flatMap(({ ids }) => ids).reduce((sum, { length }) => sum + length, 0);
  const mean = (tokens / (batches.length * rows)).toFixed(1);
  const of = (program: Program, value: (result: StepResult) => number) =>
    median((measured.get(program) ?? []).map(value));
  const lines = programs.map((program) => {
    const [own, peak] = [of(program, seconds), of(program, ({ peak }) => peak)];
    const beside = of('ours', seconds) / own;
    const memory = of('ours', ({ peak }) => peak) / peak;
    const spread = (measured.get(program) ?? []).map((result) => seconds(result).toFixed(3));
    return `| ${program} | ${own.toFixed(3)} s | ${(peak / 1e6).toFixed(0)} MB | ${beside.toFixed(2)} | ${memory.toFixed(2)} | ${spread.join(' ')} |`;
  });
  return [
    `MiniLM-L6, LoRA r 8 on query and value, float32, ${rows} sentences of ${mean} tokens a step`,
    '',
    '| program | step | peak | ours / it, time | memory | rounds |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

const warmUp = 2;

/** Mean of a step over all batches, after the first steps. */
function seconds({ steps }: StepResult): number {
  const warm = steps.slice(warmUp);
  return warm.reduce((sum, { wall }) => sum + wall, 0) / warm.length;
}

function megabytes({ peak }: StepResult): string {
  return (peak / 1e6).toFixed(0);
}

function pathOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}
