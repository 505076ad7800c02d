// Adapters whose change is a product, beside LoRA of the same rank: processor time of a step.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { workerNodeArguments } from '../../../crds/wire/worker-process.ts';
import { type BenchJob, documentOf } from '../run-job.ts';
import { median } from '../train/table.ts';
import type { StepTime } from './step-runner.ts';

export interface TurnsRequest {
  /** As files of jobs have them. */
  readonly jobs: readonly { readonly name: string; readonly document: object }[];
  /** A folder. */
  readonly model: string;
  /** Of each. */
  readonly steps: number;
}

export interface TurnsResult {
  /** By name. */
  readonly rounds: readonly Readonly<Record<string, StepTime>>[];
}

const lora = 'lora';
/** The largest ratio to the time of LoRA that is wanted. */
const target = 1.1;

const members: Readonly<Record<string, readonly [type: string, member: string, own?: object]>> = {
  [lora]: ['LoRA', 'lora'],
  pissa: ['PiSSA', 'pissa'],
  slora: ['SLoRA', 'slora'],
  nlora: ['NLoRA', 'nlora'],
  'intermediate-tune': ['NLoRA', 'nlora', { train: 'Core' }],
  'lora-xs': ['LoRAXS', 'loraXs'],
  'lora-sb': ['LoRASB', 'loraSb'],
  kasa: ['KaSA', 'kasa'],
  lamda: ['LaMDA', 'lamda'],
  loldu: ['LoLDU', 'loldu'],
};

/** Of one rank, on all linear layers. */
export function jobsOfRank(rank: number, sequences: number): readonly Omit<BenchJob, 'steps'>[] {
  return Object.entries(members).map(([name, [type, member, own = {}]]) => ({
    ...{ name, formats: ['PEFTAdapter'], training: { globalBatchSize: sequences } },
    method: {
      precision: { type: 'BFloat16' },
      adapter: { type, [member]: { ...own, rank } },
      preset: type,
    },
  }));
}

export async function runInTurn(
  jobs: readonly BenchJob[],
  model: string,
  signal: AbortSignal,
): Promise<TurnsResult> {
  const steps = Math.max(...jobs.map((job) => job.steps));
  const all = jobs.map((job) => ({ name: job.name, document: documentOf(job) }));
  const request: TurnsRequest = { jobs: all, model, steps };
  const words = [...workerNodeArguments('train'), join(import.meta.dirname, 'steps-in-turn.ts')];
  const { stdout } = await execa(process.execPath, words, {
    input: JSON.stringify(request),
    env: { OMP_NUM_THREADS: String(availableParallelism()) },
    cancelSignal: signal,
  });
  // The other file writes exactly this.
  return JSON.parse(stdout) as TurnsResult;
}

/** Ratios are those of steps of one round; the first round fills caches and is left out. */
export function equalRankTable({ rounds }: TurnsResult): string {
  const warm = rounds.slice(1);
  const times = (name: string) => warm.map((round) => round[name]?.processorMs ?? Number.NaN);
  const ofLora = times(lora);
  const rows = Object.keys(warm[0] ?? {}).map((name) => {
    const own = times(name);
    const ratios = own.map((time, round) => time / (ofLora[round] ?? Number.NaN));
    const [least, middle, most] = [Math.min(...ratios), median(ratios), Math.max(...ratios)];
    const ratio = `${middle.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
    const verdict = middle <= target ? 'met' : '**missed**';
    return [name, median(own).toFixed(0), ...(name === lora ? ['', ''] : [ratio, verdict])];
  });
  const head = ['method', 'processor ms a step', '÷ LoRA’s of the same round', `at most ${target}`];
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
