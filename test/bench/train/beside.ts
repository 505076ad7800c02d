/**
 * Steps of ours beside those of peers: every measurement is a fresh process, rounds alternate, and
 * what is compared is the mean over all batches, after the warm steps, and then the median over
 * rounds.
 */
import { execa } from 'execa';
import type { Setup } from '../../../cli/setup/setup.ts';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { inTurn } from '../turns.ts';
import type { StepResult } from './request.ts';
import { median } from './table.ts';

/** Of each measurement. */
export const warmUp = 2;

export interface StepProgram {
  readonly name: string;
  /** A script that reads a request and writes a `StepResult`: of TypeScript for ours, or Python. */
  readonly script: string;
  readonly request: unknown;
  /** The name of ours that a peer is compared with. @default ours itself */
  readonly beside?: string;
}

export type Measured = ReadonlyMap<string, readonly StepResult[]>;

/** By names. `python` has the libraries of the peers. */
export async function measureInTurn(
  setup: Setup,
  programs: readonly StepProgram[],
  { rounds, python }: { readonly rounds: number; readonly python: string },
): Promise<Measured> {
  const measured = new Map<string, StepResult[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, script, request } of inTurn(programs, round)) {
      const isOurs = script.endsWith('.ts');
      const words = isOurs ? [...workerNodeArguments('train'), script] : [script];
      const { stdout } = await execa(isOurs ? process.execPath : python, words, {
        input: JSON.stringify(request),
        env: { HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
        cancelSignal: setup.signal,
      });
      // Both halves write exactly this; they are ours.
      const result = JSON.parse(stdout) as StepResult;
      measured.set(name, [...(measured.get(name) ?? []), result]);
      setup.steps.note(`${name}: ${seconds(result).toFixed(3)} s, ${megabytes(result.peak)} MB`);
    }
  }
  return measured;
}

export function besideTable(programs: readonly StepProgram[], measured: Measured): string {
  const of = (name: string, value: (result: StepResult) => number) =>
    median((measured.get(name) ?? []).map(value));
  const lines = programs.map(({ name, beside = name }) => {
    const peak = of(name, (result) => result.peak);
    const time = of(beside, seconds) / of(name, seconds);
    const memory = of(beside, (result) => result.peak) / peak;
    const spread = (measured.get(name) ?? []).map((result) => seconds(result).toFixed(3));
    return `| ${name} | ${of(name, seconds).toFixed(3)} s | ${megabytes(peak)} MB | ${time.toFixed(2)} | ${memory.toFixed(2)} | ${spread.join(' ')} |`;
  });
  return [
    '| program | step | peak | ours / it, time | memory | rounds |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** Mean of a step over all batches, after the first steps. */
function seconds({ steps }: StepResult): number {
  const warm = steps.slice(warmUp);
  return warm.reduce((sum, { wall }) => sum + wall, 0) / warm.length;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
