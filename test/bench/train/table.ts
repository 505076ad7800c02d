/** Measurements → a Markdown table with medians, spread and our share of the peer. */
import type { Case } from './cases.ts';
import type { StepResult } from './request.ts';

/** `compiled` is the peer under torch.compile. */
export type ProgramName = 'ours' | 'peer' | 'compiled';

export interface Measured {
  readonly case: Case;
  readonly program: ProgramName;
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
  const peers = (['peer', 'compiled'] as const).filter((name) =>
    measured.some(({ program }) => program === name),
  );
  const beside = peers.flatMap((name) => [name, 'ratio']);
  const head = [
    'case',
    ...metrics.flatMap(({ name }) => [`${name}, ours (min–max)`, ...beside]),
    'planned MiB (measured ÷ planned)',
  ];
  const rows = names.map((name) => cellsOf(name, peers, measured));
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

export function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

interface Metric {
  readonly name: string;
  readonly digits: number;
  of(result: StepResult): number;
}

export const wallSeconds = (result: StepResult): number =>
  median(result.steps.slice(warm).map(({ wall }) => wall));
export const peakMib = ({ peak }: StepResult): number => peak / 2 ** 20;

const metrics: readonly Metric[] = [
  { name: 'wall s', digits: 2, of: wallSeconds },
  {
    ...{ name: 'processor s', digits: 2 },
    of: (result) => median(result.steps.slice(warm).map(({ processor }) => processor)),
  },
  { name: 'peak MiB', digits: 0, of: peakMib },
];

export function resultsOf(
  measured: readonly Measured[],
  name: string,
  program: ProgramName,
): readonly StepResult[] {
  const own = measured.filter((one) => one.case.name === name && one.program === program);
  return own.map(({ result }) => result);
}

function cellsOf(
  name: string,
  peers: readonly ProgramName[],
  measured: readonly Measured[],
): readonly string[] {
  const ours = resultsOf(measured, name, 'ours');
  const cells = metrics.flatMap(({ of, digits }) => {
    const own = ours.map(of);
    const beside = peers.flatMap((peer) => {
      const theirs = resultsOf(measured, name, peer).map(of);
      const ratio = theirs.length === 0 ? '' : (median(own) / median(theirs)).toFixed(2);
      return [spread(theirs, digits), ratio];
    });
    return [spread(own, digits), ...beside];
  });
  return [name, ...cells, plannedOf(ours)];
}

function plannedOf(ours: readonly StepResult[]): string {
  const planned = median(ours.map(({ predicted }) => predicted ?? Number.NaN));
  const ratio = median(ours.map(({ peak, predicted }) => peak / (predicted ?? Number.NaN)));
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
