/**
 * A training step beside transformers + PEFT: the same weights, the same rows of real
 * conversations, the same threads. Every measurement is a fresh process; rounds alternate which
 * program goes first, and what is compared is the median of a round's warm steps, then the median
 * over rounds. The peer is measured as it comes and, where torch.compile works on the machine,
 * compiled; compiling is in the first step.
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
import { inTurn } from '../turns.ts';
import { type Case, casesOf } from './cases.ts';
import { emptyRequest, writeEmptyFolder } from './overhead.ts';
import { benchPacking } from './packing.ts';
import { writePeerFolder } from './peer-folder.ts';
import type { StepRequest, StepResult } from './request.ts';
import { realRows } from './rows.ts';
import { type Measured, overheadInWords, type ProgramName, summary, table } from './table.ts';
import { wantedTable } from './wanted.ts';

export async function benchTrain(setup: Setup, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      /** By default 3, and 5 of packing, whose programs differ most from run to run. */
      rounds: { type: 'string', default: '' },
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
    for (let round = 0; round < Number(values.rounds || 3); round += 1) {
      for (const program of inTurn(programs, round)) {
        const result = await program.run(request);
        if (result === undefined) continue;
        measured.push({ case: one, program: program.name, result });
        setup.steps.note(summary(one, program.name, result));
      }
    }
    if (one.rows * one.length < 2048) continue;
    const folder = join(scratch, 'empty-model');
    await writeEmptyFolder(model, folder);
    const empty = await programs[0].run(emptyRequest(request, folder));
    if (empty !== undefined) setup.steps.note(overheadInWords(one, empty, measured));
  }
  if (measured.length > 0)
    process.stdout.write(`\n${table(measured)}\n\n${wantedTable(measured)}\n`);
  if (!'packing'.includes(values.only) || values.ours) return;
  const threads = availableParallelism();
  const packing = { model, volume, scratch, threads, steps: 6, rounds: Number(values.rounds || 5) };
  process.stdout.write(`\n${await benchPacking(setup, packing)}\n`);
}

/**
 * Where the CPU has no bfloat16 instructions a step of the peer takes minutes: one warm step must
 * do.
 */
function stepsOf({ dtype }: Case, wanted: string): number {
  return dtype === 'bfloat16' && !hasBfloat16() ? 2 : Number(wanted);
}

function hasBfloat16(): boolean {
  return /\b(avx512_bf16|amx_bf16)\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));
}

interface Program {
  readonly name: ProgramName;
  /** Undefined where the program does not work on this machine, which was told. */
  run(request: StepRequest): Promise<StepResult | undefined>;
}

type Programs = readonly [Program, ...Program[]];

async function programsOf(setup: Setup, onlyOurs: boolean): Promise<Programs> {
  const settings = workerNodeArguments('train');
  const ours = program(setup, 'ours', process.execPath, [...settings, fileOf('our-step.ts')]);
  if (onlyOurs) return [ours];
  const { python } = await ensurePeers(setup);
  const peer = program(setup, 'peer', python, [fileOf('peer_step.py')]);
  const compiled = program(setup, 'compiled', python, [fileOf('peer_step.py')]);
  return [ours, peer, whereItWorks(setup, compiled)];
}

function fileOf(script: string): string {
  return fileURLToPath(new URL(script, import.meta.url));
}

function program(
  setup: Setup,
  name: ProgramName,
  file: string,
  words: readonly string[],
): Program & { run(request: StepRequest): Promise<StepResult> } {
  return {
    name,
    async run(request) {
      const { stdout } = await execa(file, words, {
        input: JSON.stringify({ ...request, compile: name === 'compiled' }),
        env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
        cancelSignal: setup.signal,
      });
      // Both halves write exactly this; they are ours.
      return JSON.parse(stdout) as StepResult;
    },
  };
}

/**
 * torch.compile asks for a compiler and for the headers of Python; without them its column stays
 * away.
 */
function whereItWorks(setup: Setup, { name, run }: Program): Program {
  let works = true;
  return {
    name,
    async run(request) {
      if (!works) return undefined;
      try {
        return await run(request);
      } catch (error) {
        if (setup.signal.aborted) throw error;
        works = false;
        const why = String((error as { stderr?: string }).stderr ?? error);
        setup.steps.note(`the compiled peer is left out: ${why.trim().split('\n').at(-1)}`);
        return undefined;
      }
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
