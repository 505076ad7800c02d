/**
 * What is wanted of LoRA beside the peer, compiled and not, and whether it was seen in this run of
 * the benchmark.
 */
import {
  line,
  type Measured,
  median,
  type ProgramName,
  peakMib,
  resultsOf,
  wallSeconds,
} from './table.ts';

interface Wanted {
  /** Beginning of the names of cases. */
  readonly cases: RegExp;
  readonly against: ProgramName;
  readonly what: 'time' | 'memory';
  readonly target: number;
}

const wanted: readonly Wanted[] = [
  { cases: /^lora-/, against: 'peer', what: 'time', target: 0.45 },
  { cases: /^lora-.*-4x512$/, against: 'peer', what: 'memory', target: 0.25 },
  { cases: /^lora-/, against: 'compiled', what: 'time', target: 0.65 },
];

/**
 * A row for each of them of which both sides were measured; a ratio that is no number meets
 * nothing.
 */
export function wantedTable(measured: readonly Measured[]): string {
  const head = ['case', 'held against', 'what', 'ratio', 'target', ''];
  const names = [...new Set(measured.map((one) => one.case.name))];
  const rows = wanted.flatMap(({ cases, against, what, target }) =>
    names.flatMap((name) => {
      if (!cases.test(name)) return [];
      const [ours, theirs] = (['ours', against] as const).map((program) =>
        resultsOf(measured, name, program).map(what === 'time' ? wallSeconds : peakMib),
      );
      if (!ours?.length || !theirs?.length) return [];
      const ratio = median(ours) / median(theirs);
      const verdict = ratio <= target ? 'met' : '**missed**';
      return [[name, against, what, ratio.toFixed(2), String(target), verdict]];
    }),
  );
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}
