// LISA: Layerwise Importance Sampling for Memory-Efficient Large Language Model Fine-Tuning (Pan et
// al. 2024).
//
// Against full fine-tuning: in interval i = floor(step / K) only the gamma blocks A_i are trained,
// with embedding, head and last norm; the others have no gradient and no optimizer state.
//   A_i = gamma different blocks,  p(block) = gamma / L  (or by weights, one after the other)
// K interval · gamma active layers · L blocks
//
// State: that of the optimizer, for A_i and the layers outside the blocks. Drop (as the authors
// announced it): a block that becomes inactive frees its state, one that stays active keeps it, one
// that becomes active again starts at update 1. Keep is the released code: nothing is ever freed,
// and counts pause while a block is inactive. Reset is the paper's experiments, where each interval
// was a run of its own. Master weights of a bfloat16 weight are part of the state: they are copied
// from the weight when a block becomes active. Differences from the release: state is created when
// a block becomes active (there the optimizer is built before the first freeze, and sharded ones
// allocate everything), blocks are found from the model and not by class names, and sampling is
// named by seed and interval, so that all ranks and resumed runs agree. With as many active layers
// as blocks nothing is sampled.
import { UserError } from '../../../crds/failures/errors.ts';
import { inWords } from '../../../crds/schema/text.ts';
import type { Active } from '../../engine/model.ts';
import type { Parameter, Parameters } from '../../engine/parameters.ts';
import { drawInTurn, drawWeighted } from './draw.ts';
import { layersOf, type Selection, type StepCounts } from './selection.ts';

export interface LisaSettings {
  /** gamma */
  readonly activeLayers: number;
  /** K */
  readonly intervalSteps: number;
  readonly state: 'Drop' | 'Keep' | 'Reset';
  readonly sampling: 'Uniform' | 'Cyclic' | 'Increasing' | 'Decreasing' | 'Weighted';
  /** For Weighted: one weight for each block. */
  readonly weights: readonly number[];
  readonly seed: bigint;
}

export function lisa(settings: LisaSettings, parameters: Parameters): Selection {
  const byLayer = layersOf(parameters.trained());
  const blocks = [...byLayer.keys()].filter((layer) => typeof layer === 'number');
  const drawn = drawerOf(settings, blocks.length);
  const isActiveIn = (step: number) => {
    const active = new Set<Parameter['layer']>(drawn(intervalAt(settings, step)));
    return (layer: Parameter['layer']) => typeof layer !== 'number' || active.has(layer);
  };
  return {
    name: 'LISA',
    at(step): Active {
      const isActive = isActiveIn(step);
      return (layer) => (isActive(layer) ? (byLayer.get(layer) ?? []) : []);
    },
    stepCounts(step, before): StepCounts {
      const isActive = isActiveIn(step);
      const isReset = settings.state === 'Reset' && step % settings.intervalSteps === 0;
      const kept = (layer: Parameter['layer']) =>
        isActive(layer) || (settings.state === 'Keep' && before[layer] !== undefined);
      return Object.fromEntries(
        [...byLayer.keys()]
          .filter(kept)
          .map((layer) => [layer, isReset ? 0 : (before[layer] ?? 0)] as const),
      );
    },
    describe(step): string {
      const interval = intervalAt(settings, step);
      const active = drawn(interval);
      if (active.length === blocks.length) return `all ${blocks.length} blocks`;
      const names = inWords(active.map(String), 'and');
      const until = (interval + 1) * settings.intervalSteps;
      return `block${active.length === 1 ? '' : 's'} ${names} of ${blocks.length}, until step ${until}`;
    },
  };
}

function intervalAt({ intervalSteps }: LisaSettings, step: number): number {
  return Math.floor(step / intervalSteps);
}

/** The active blocks of an interval; caches the last interval. */
function drawerOf(settings: LisaSettings, blocks: number): (interval: number) => readonly number[] {
  const { activeLayers: count, sampling, seed } = settings;
  const weights = weightsOf(settings, blocks);
  let last: { readonly interval: number; readonly active: readonly number[] } | null = null;
  return (interval) => {
    if (last?.interval !== interval) {
      const draw = { seed, interval, count };
      const active = sampling === 'Cyclic' ? drawInTurn(blocks, draw) : drawWeighted(weights, draw);
      last = { interval, active };
    }
    return last.active;
  };
}

function weightsOf({ sampling, weights }: LisaSettings, blocks: number): readonly number[] {
  if (sampling === 'Weighted') {
    if (weights.length === blocks) return weights;
    const path = 'spec.method.selection.lisa.weights';
    const message = `${path} has ${weights.length} numbers, but the model has ${blocks} blocks; each block needs one`;
    throw new UserError({ code: 'E_INVALID_SPEC', message, path, value: weights.length });
  }
  return Array.from({ length: blocks }, (_, block) => {
    if (sampling === 'Increasing') return block + 1;
    return sampling === 'Decreasing' ? blocks - block : 1;
  });
}
