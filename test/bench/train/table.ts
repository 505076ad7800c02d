/** Measurements → a Markdown table with medians, spread and our share of the peer. */
import type { Case } from './cases.ts';
import type { StepResult } from './request.ts';

export interface Measured {
  readonly case: Case;
  readonly program: 'ours' | 'peer';
  readonly result: StepResult;
}

/** The first step of a process allocates and warms caches. */
const warm = 1;

export function summary(one: Case, program: string, { steps, peak }: StepResult): string {
  const warmSteps = steps.slice(warm);
  const wall = median(warmSteps.map((step) => step.wall));
  const processor = median(warmSteps.map((step) => step.processor));
  const losses = steps.map(({ loss }) => loss.toFixed(4)).join(' ');
  return `${one.name} ${program}: ${wall.toFixed(2)} s, processor ${processor.toFixed(2)} s, peak ${mib(peak)} MiB, losses ${losses}`;
}

/** Share of a step that is not arithmetic: the same calls on an empty model. */
export function overheadInWords(
  one: Case,
  empty: StepResult,
  measured: readonly Measured[],
): string {
  const wall = (result: StepResult) => median(result.steps.slice(warm).map((step) => step.wall));
  const own = measured.filter(({ case: c, program }) => c.name === one.name && program === 'ours');
  const whole = median(own.map(({ result }) => wall(result)));
  const between = wall(empty);
  const share = ((100 * between) / whole).toFixed(2);
  return `${one.name}: ${(1000 * between).toFixed(0)} ms between kernels, ${share} % of a step`;
}

export function table(measured: readonly Measured[]): string {
  const names = [...new Set(measured.map((one) => one.case.name))];
  const header = [
    '| case | wall s, ours (min–max) | peer | ratio | processor s, ours | peer | ratio | peak MiB, ours | peer | ratio | planned MiB (measured ÷ planned) |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ];
  return [...header, ...names.map((name) => row(name, measured))].join('\n');
}

function row(name: string, measured: readonly Measured[]): string {
  const of = (program: Measured['program']) =>
    measured.filter((one) => one.case.name === name && one.program === program);
  const cells = [name];
  const add = (value: (result: StepResult) => number, digits: number): void => {
    const [ours, peer] = [of('ours'), of('peer')].map((list) =>
      list.map(({ result }) => value(result)),
    );
    cells.push(spread(ours ?? [], digits), spread(peer ?? [], digits));
    cells.push(peer?.length ? (median(ours ?? []) / median(peer)).toFixed(2) : '');
  };
  add((result) => median(result.steps.slice(warm).map(({ wall }) => wall)), 2);
  add((result) => median(result.steps.slice(warm).map(({ processor }) => processor)), 2);
  add(({ peak }) => peak / 2 ** 20, 0);
  cells.push(plannedOf(of('ours')));
  return `| ${cells.join(' | ')} |`;
}

function plannedOf(ours: readonly Measured[]): string {
  const planned = median(ours.map(({ result }) => result.predicted ?? Number.NaN));
  const ratio = median(ours.map(({ result }) => result.peak / (result.predicted ?? Number.NaN)));
  return `${mib(planned)} (${ratio.toFixed(3)})`;
}

/** Median (least–greatest). */
export function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '';
  const [low, high] = [Math.min(...values), Math.max(...values)].map((x) => x.toFixed(digits));
  return `${median(values).toFixed(digits)} (${low}–${high})`;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
