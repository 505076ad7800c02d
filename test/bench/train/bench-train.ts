/**
 * A training step beside transformers + PEFT: the same weights, the same rows of real conversations,
 * the same threads. Every measurement is a fresh process; rounds alternate which program goes first,
 * and what is compared is the median of a round's warm steps, then the median over rounds.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { ensurePeers } from '../../setup/peers.ts';
import { type Case, casesOf } from './cases.ts';
import { emptyRequest, writeEmptyFolder } from './overhead.ts';
import { benchPacking } from './packing.ts';
import { writePeerFolder } from './peer-folder.ts';
import type { StepRequest, StepResult } from './request.ts';
import { realRows } from './rows.ts';
import { type Measured, overheadInWords, summary, table } from './table.ts';

export async function benchTrain(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      steps: { type: 'string', default: '5' },
      /** Cases whose name contains this text. */
      only: { type: 'string', default: '' },
      /** Leaves the peer out, for work on our half. */
      ours: { type: 'boolean', default: false },
    },
  });
  await ensureNative(setup, join(import.meta.dirname, '../../..'));
  const volume = await ensureDemo(setup);
  const programs = await programsOf(setup, values.ours);
  const scratch = join(setup.cache.root, 'bench');
  await mkdir(scratch, { recursive: true });
  const measured: Measured[] = [];
  // As such models are published; both programs load this one.
  const model = join(scratch, 'model');
  await rm(model, { recursive: true, force: true });
  await writePeerFolder(join(volume, 'model'), model, 'bfloat16');
  for (const one of casesOf(values.only)) {
    const batches = await realRows(
      { volume, scratch: join(scratch, 'tokens'), batches: 2, rows: one.rows, length: one.length },
      setup.signal,
    );
    const request = requestOf(one, { model, batches, steps: stepsOf(one, values.steps) });
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const order = round % 2 === 0 ? programs : programs.toReversed();
      for (const program of order) {
        const result = await program.run(request);
        measured.push({ case: one, program: program.name, result });
        setup.steps.note(summary(one, program.name, result));
      }
    }
    if (one.rows * one.length < 2048) continue;
    const folder = join(scratch, 'empty-model');
    await writeEmptyFolder(model, folder);
    const empty = await programs[0].run(emptyRequest(request, folder));
    setup.steps.note(overheadInWords(one, empty, measured));
  }
  if (measured.length > 0) process.stdout.write(`\n${table(measured)}\n`);
  if (!'packing'.includes(values.only) || values.ours) return;
  const threads = availableParallelism();
  const packing = { model, volume, scratch, threads, steps: 6, rounds: Number(values.rounds) };
  process.stdout.write(`\n${await benchPacking(setup, packing)}\n`);
}

/** Where the CPU has no bfloat16 instructions a step of the peer takes minutes: one warm step must do. */
function stepsOf({ dtype }: Case, wanted: string): number {
  return dtype === 'bfloat16' && !hasBfloat16() ? 2 : Number(wanted);
}

function hasBfloat16(): boolean {
  return /\b(avx512_bf16|amx_bf16)\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));
}

interface Program {
  readonly name: 'ours' | 'peer';
  run(request: StepRequest): Promise<StepResult>;
}

type Programs = readonly [Program, ...Program[]];

async function programsOf(setup: Setup, onlyOurs: boolean): Promise<Programs> {
  const ours = program(
    setup,
    'ours',
    process.execPath,
    'our-step.ts',
    workerNodeArguments('train'),
  );
  if (onlyOurs) return [ours];
  const { python } = await ensurePeers(setup);
  return [ours, program(setup, 'peer', python, 'peer_step.py')];
}

function program(
  setup: Setup,
  name: Program['name'],
  file: string,
  script: string,
  settings: readonly string[] = [],
): Program {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return {
    name,
    async run(request) {
      const { stdout } = await execa(file, [...settings, path], {
        input: JSON.stringify(request),
        env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
        cancelSignal: setup.signal,
      });
      // Both halves write exactly this; they are ours.
      return JSON.parse(stdout) as StepResult;
    },
  };
}

function requestOf(
  { method, dtype, clip, recompute, optimizer }: Case,
  rest: Pick<StepRequest, 'model' | 'batches' | 'steps'>,
): StepRequest {
  const learning_rate = method === 'full' ? 1e-5 : 2e-4;
  const threads = availableParallelism();
  const settings = { method, dtype, clip, recompute, optimizer };
  return { ...rest, ...settings, threads, rank: 16, alpha: 32, learning_rate };
}
