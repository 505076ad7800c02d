// At which denoising steps another part begins to lead.

/** Shares of all steps in which a turn has so many steps, in the code of CMLoRA. */
const paper = [
  { until: 0.375, span: 2 },
  { until: 0.875, span: 3 },
  { until: 1, span: 2 },
] as const;

/** Steps at which turns begin, the first among them. `span` of all turns; null for the paper's. */
export function turnsOf(steps: number, span: number | null): readonly number[] {
  const parts = span === null ? paper : [{ until: 1, span }];
  const starts: number[] = [];
  let from = 0;
  for (const part of parts) {
    const end = Math.floor(part.until * steps);
    for (let step = from; step < end; step += part.span) starts.push(step);
    from = end;
  }
  return starts;
}
