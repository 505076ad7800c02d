// SpIEL: Scaling Sparse Fine-Tuning to Large Language Models (Ansell et al. 2024), by accumulated
// gradients (AG) or by momentum approximation (MA).
//
// Against LoRA: no product; single values of each weight change, as many as the density says.
//   y = x (W + scatter(i, v))^T      v [K], zero at first · i [K], places of W in row order, random
// Every `reselectSteps` steps places are dropped and others grow. With e the number of steps done
// of T,
//   share = 1 the first time, else initialRate (1 - e/T)      k = floor(share K)
//   of i the k with the least |v| go
// and of the places outside k come:
//   AG: in the last `accumulationSteps` before, the K places outside i whose gradients are largest
//   in the first of them are candidates, and gather moments as their gradients come; those with the
//   largest first moment come (accumulated-gradients.ts)
//   MA: those with the largest r_i c_j come, of the sums of squares that SM3 keeps of rows and
//   columns (momentum-approximation.ts); no gradient is computed but those of values
// A place that goes is that of the base again, to the bit. One that comes has v = 0. By AG it goes
// on with its moments and its own number of updates (optimizers/aged-adamw.ts); by MA no value has
// either (optimizers/sm3.ts). The last step drops nothing: what it grew would never move.
// Trained: v in float32. Chosen: i and candidates, each ascending, never the same place in both.
// Differences from the release: candidates are chosen by the gradient of the whole step over all
// workers and not of the first micro-batch, so that they do not depend on how it is divided; they
// gather moments of Adam, not sums, whose bias is corrected by their age; MA replaces all values
// after `reselectSteps` steps as AG does, and not after `accumulationSteps`, when sums are of a few
// gradients; weights are patched copies where they are multiplied, and no dense gradient is made
// but when candidates are chosen. Left out: a cosine instead of the line.
import { accumulationStepsOf, placesWithin } from '../../../crds/methods/spiel.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { choose, streamOf } from '../../tensor/streams.ts';
import { tensor } from '../../tensor/tensor.ts';
import { largestOutside, regrowByGradients_ } from './accumulated-gradients.ts';
import type { Adapter, Regrowth } from './adapter.ts';
import type { AdapterOf } from './from-parameters.ts';
import { regrowByMomenta_ } from './momentum-approximation.ts';
import { candidates, index, value } from './places.ts';
import { countAt, isEvent, probeAt, type Schedule } from './regrow-schedule.ts';
import { targetsOf } from './targets.ts';

interface SpielSettings extends Schedule {
  readonly density: number;
  /** Of AG; null is MA. */
  readonly accumulationSteps: number | null;
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export const spielOf: AdapterOf<'SpIEL'> = (own, common) =>
  spiel({
    ...{ ...own, ...common, targets: targetsOf(own.targetModules) },
    ...{ density: Number(own.density), initialRate: Number(own.initialRate) },
    accumulationSteps: accumulationStepsOf(own),
  });

export function spiel(settings: SpielSettings): Adapter {
  const { density, targets, seed, dtype } = settings;
  return {
    name: 'SpIEL',
    targets: ({ path }) => targets(path),
    initialize({ path, out, in: inputs }) {
      const count = placesWithin(density, out * inputs);
      // The second half are candidates until gradients choose others: never a place of the first.
      const drawn = choose(2 * count, out * inputs, streamOf(seed, 'spiel', path));
      const places = (from: number) =>
        tensor(
          drawn.slice(from, from + count).toSorted((a, b) => a - b),
          [count],
          'int32',
        );
      return {
        trained: { [value]: ops.zeros([count], { dtype }) },
        chosen: {
          [index]: places(0),
          ...(settings.accumulationSteps !== null && { [candidates]: places(count) }),
        },
        within: [out, inputs],
      };
    },
    factors: (_, tensors) => ({
      form: 'sparse',
      index: tensors(index),
      value: tensors(value),
      scale: 1,
    }),
    learningRateFactor: () => 1,
    decays: () => true,
    regrowth: regrowthOf(settings),
  };
}

function regrowthOf(settings: SpielSettings): Regrowth {
  const { accumulationSteps } = settings;
  const regrow_ = accumulationSteps === null ? regrowByMomenta_ : regrowByGradients_;
  return {
    ...{ value, index },
    ...(accumulationSteps !== null && {
      candidates: {
        suffix: candidates,
        probe: (moment) => probeAt(settings, accumulationSteps, moment),
        choose: (gradient, tensors) => largestOutside(gradient, tensors(index)),
      },
    }),
    isDue: (moment) => isEvent(settings, moment),
    regrow(own, moment) {
      regrow_(own, countAt(settings, moment, own.tensors(index).numel));
    },
  };
}
