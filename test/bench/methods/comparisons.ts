// What is wanted of methods beside others, and whether it was seen: from medians of the same run of
// the benchmark alone.

export interface Comparison {
  readonly method: string;
  readonly against: string;
  readonly of: 'time' | 'peak';
  /** The largest ratio that is wanted. */
  readonly target: number;
}

export interface Middle {
  /** Milliseconds a step, steps that choose directions left out. */
  readonly time: number;
  /** Bytes. */
  readonly peak: number;
}

/** Lean forms are held against lean forms. */
export const comparisons: readonly Comparison[] = [
  { method: 'lisa-blocks', against: 'lora', of: 'peak', target: 1 },
  { method: 'lisa-ends', against: 'lora', of: 'peak', target: 1 },
  { method: 'lisa-ends-8bit', against: 'lora', of: 'peak', target: 1 },
  { method: 'q-galore', against: 'full-float32', of: 'peak', target: 0.4 },
  { method: 'q-galore', against: 'full', of: 'peak', target: 0.4 },
  { method: 'q-galore-lean', against: 'full-float32-lean', of: 'peak', target: 0.4 },
  { method: 'q-galore-lean', against: 'full-lean', of: 'peak', target: 0.4 },
  { method: 'qlora', against: 'lora', of: 'peak', target: 0.55 },
  { method: 'paca', against: 'lora', of: 'peak', target: 1 },
  { method: 'paca', against: 'lora', of: 'time', target: 1 },
  { method: 's2ft', against: 'lora', of: 'peak', target: 1 },
  { method: 's2ft', against: 'lora', of: 'time', target: 1 },
  { method: 's2ft-all', against: 'lora', of: 'peak', target: 1 },
  { method: 's2ft-all', against: 'lora', of: 'time', target: 1 },
  { method: 'q-galore', against: 'full', of: 'time', target: 1.05 },
  { method: 'q-galore-lean', against: 'full-lean', of: 'time', target: 1.05 },
  { method: 'q-galore-eight', against: 'full-eight', of: 'time', target: 1.05 },
  { method: 'halo', against: 'full', of: 'time', target: 0.83 },
  { method: 'lisa-blocks', against: 'full', of: 'time', target: 0.75 },
  { method: 'lisa-ends', against: 'full', of: 'time', target: 0.75 },
  { method: 'lisa-ends-8bit', against: 'full', of: 'time', target: 0.75 },
];

/** A row for each of them of which both sides were measured. */
export function comparisonRows(middles: ReadonlyMap<string, Middle>): readonly string[][] {
  return comparisons.flatMap(({ method, against, of, target }) => {
    const [own, other] = [middles.get(method), middles.get(against)];
    if (own === undefined || other === undefined) return [];
    const ratio = own[of] / other[of];
    const what = of === 'time' ? 'time of a step' : 'peak';
    return [[method, against, what, ratio.toFixed(2), String(target), verdict(ratio, target)]];
  });
}

/** A ratio that is no number was not measured, so nothing was met. */
function verdict(ratio: number, target: number): string {
  return ratio <= target ? 'met' : '**missed**';
}
