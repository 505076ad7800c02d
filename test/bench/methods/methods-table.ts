// What runs took → tables: what was measured, and what was wanted of it.
import type { RunReport } from '../../../crds/wire/run-report.ts';
import { median } from '../train/table.ts';
import { comparisonRows, type Middle } from './comparisons.ts';

export interface MethodRun {
  /** Median of the steps behind the first. */
  readonly stepMs: number;
  /** The same of the time of all processors; absent where it was not measured. */
  readonly processorMs?: number;
  readonly peak: number;
  readonly predicted?: { readonly peak: number; readonly weights: number };
  /** On what is held out; absent where that says nothing. */
  readonly losses?: string;
}

export function methodRunOf(
  { training, memory, evaluation }: RunReport,
  withLosses: boolean,
): MethodRun {
  const { predicted, measured } = memory;
  const loss = (at: 'before' | 'after') => evaluation[at]?.loss?.toFixed(4) ?? 'no number';
  return {
    stepMs: training.stepMs ?? Number.NaN,
    ...(training.processorMs !== undefined && { processorMs: training.processorMs }),
    peak: measured.peak,
    ...(predicted && { predicted: { peak: predicted.peak, weights: predicted.parts.weights } }),
    ...(withLosses ? { losses: `${loss('before')} to ${loss('after')}` } : {}),
  };
}

/** Runs of one job each, by its name. */
export function methodsTable(runs: ReadonlyMap<string, readonly MethodRun[]>): string {
  const measured = [...runs].filter(([, own]) => own.length > 0);
  const rows = measured.map(([name, own]) => [name, ...cellsOf(own)]);
  const head = [
    ...['method', 'ms a step', 'processor ms', 'peak MiB', 'planned', 'measured ÷ planned'],
    ...['weights in the peak', 'held-out loss'],
  ];
  const middles = new Map(measured.map(([name, own]) => [name, middleOf(own)]));
  const wanted = ['method', 'held against', 'what', 'ratio', 'target', ''];
  return [tableOf(head, rows), leftOut, tableOf(wanted, comparisonRows(middles))].join('\n\n');
}

const leftOut =
  'Medians of the steps behind the first. That one fills caches, and is the only one of GaLore and Q-GaLore that chooses directions: their time is that of a step without.';

function cellsOf(own: readonly MethodRun[]): readonly string[] {
  const peaks = own.map(({ peak }) => peak);
  // What is kept depends on the memory that is free, and may differ from run to run: the largest.
  const planned = Math.max(...own.map(({ predicted }) => predicted?.peak ?? Number.NaN));
  const [share] = own.flatMap(({ predicted }) => predicted && predicted.weights / predicted.peak);
  const processor = own.flatMap(({ processorMs }) => processorMs ?? []);
  return [
    wordsOf(own.map(({ stepMs }) => stepMs)),
    processor.length === 0 ? '' : wordsOf(processor),
    wordsOf(peaks.map((bytes) => bytes / mib)),
    (planned / mib).toFixed(0),
    (median(peaks) / planned).toFixed(3),
    share === undefined ? '' : `${(100 * share).toFixed(0)} %`,
    own[0]?.losses ?? '',
  ];
}

const mib = 2 ** 20;

/** Time is that of processors where it was measured: what else runs changes it least. */
function middleOf(own: readonly MethodRun[]): Middle {
  return {
    time: median(own.map(({ stepMs, processorMs }) => processorMs ?? stepMs)),
    peak: median(own.map(({ peak }) => peak)),
  };
}

function wordsOf(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
