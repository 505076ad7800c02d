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
}

/** All linear layers, or null if gradients are not projected. */
export function projectedLinears(
  facts: ModelFacts,
  { optimizer }: Pick<ResolvedMethod, 'optimizer'>,
): readonly ProjectedLinear[] | null {
  const projection = projectionOf(optimizer);
  if (projection === null) return null;
  return linearsOf(facts).map(({ out, in: inputs }) => {
    const [smaller, larger] = [Math.min(out, inputs), Math.max(out, inputs)];
    return { smaller, larger, rank: rankWithin(smaller, projection.rank) };
  });
}
