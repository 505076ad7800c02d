// The matrices of a block whose gradients the optimizer projects.
import { rankWithin } from '../methods/galore.ts';
import { projectionOf } from '../methods/projection.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { ModelFacts } from './model-facts.ts';
import { linearsOf } from './parameters.ts';

interface ProjectedLinear {
  readonly smaller: number;
  readonly larger: number;
  /** Rank of the projection of the smaller dimension. */
  readonly rank: number;
  /** Values of a projected gradient. */
  readonly low: number;
  /** Whether the larger dimension is projected too. */
  readonly both: boolean;
}

/** All linear layers, or null if gradients are not projected. */
export function projectedLinears(
  facts: ModelFacts,
  { optimizer }: Pick<ResolvedMethod, 'optimizer'>,
): readonly ProjectedLinear[] | null {
  const projection = projectionOf(optimizer);
  if (projection === null) return null;
  const both = optimizer.type === 'NaturalGaLore' && optimizer.naturalGalore.sides === 'Both';
  return linearsOf(facts).map(({ out, in: inputs }) => {
    const [smaller, larger] = [Math.min(out, inputs), Math.max(out, inputs)];
    const rank = rankWithin(smaller, projection.rank);
    return { smaller, larger, rank, low: rank * (both ? rank : larger), both };
  });
}
