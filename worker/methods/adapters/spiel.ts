// SpIEL: Scaling Sparse Fine-Tuning to Large Language Models (Ansell et al. 2024), by accumulated
// gradients (AG).
//
// Against LoRA: no product; single values of each weight change, as many as the density says.
//   y = x (W + scatter(i, v))^T      v [K], zero at first · i [K], places of W in row order, random
// Every `reselectSteps` steps places are dropped and others grow. In the last `accumulationSteps`
// before, the K places outside i whose gradients are largest in the first of them are candidates,
// and gather moments as their gradients come. Then, with e the number of steps done of T,
//   share = 1 the first time, else initialRate (1 - e/T)      k = floor(share K)
//   of i the k with the least |v| go, of the candidates the k with the largest first moment come
// A place that goes is that of the base again, to the bit. One that comes has v = 0 and goes on
// with its moments and its own number of updates (optimizers/aged-adamw.ts). The last step drops
// nothing: what it grew would never move.
// Trained: v in float32. Chosen: i and candidates, each ascending, never the same place in both.
// Differences from the release: candidates are chosen by the gradient of the whole step over all
// workers and not of the first micro-batch, so that they do not depend on how it is divided; they
// gather moments of Adam, not sums, whose bias is corrected by their age; weights are patched
// copies where they are multiplied, and no dense gradient is made but when candidates are chosen.
// Left out: momentum approximation (MA), a cosine instead of the line.
import { placesWithin } from '../../../crds/methods/spiel.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { choose, streamOf } from '../../tensor/streams.ts';
import { type Tensor, tensor } from '../../tensor/tensor.ts';
import type { Adapter, Moment, OwnLayer, Probe } from './adapter.ts';
import type { AdapterOf } from './from-parameters.ts';
import { targetsOf } from './targets.ts';

export const value = 'spiel_value';
export const index = 'spiel_index';
export const candidates = 'spiel_candidates';

interface SpielSettings {
  readonly density: number;
  readonly reselectSteps: number;
  readonly accumulationSteps: number;
  readonly initialRate: number;
  readonly targets: (path: string) => boolean;
  readonly seed: bigint;
  readonly dtype: 'float32' | 'float64';
}

export const spielOf: AdapterOf<'SpIEL'> = (own, common) =>
  spiel({
    ...{ ...own, ...common, targets: targetsOf(own.targetModules) },
    ...{ density: Number(own.density), initialRate: Number(own.initialRate) },
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
        chosen: { [index]: places(0), [candidates]: places(count) },
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
    regrowth: {
      ...{ value, candidates },
      probe: (moment) => probeAt(settings, moment),
      choose: (gradient, tensors) => largestOutside(gradient, tensors(index)),
      isDue: (moment) => isEvent(settings, moment),
      regrow(own, moment) {
        const count = own.tensors(index).numel;
        regrow_(own, Math.floor(shareAt(settings, moment) * count));
      },
    },
  };
}

type Schedule = Pick<SpielSettings, 'reselectSteps' | 'accumulationSteps' | 'initialRate'>;

/** Steps from this one to the next at whose end places are chosen again; none before the last. */
function stepsToEvent({ reselectSteps }: Schedule, { step, totalSteps }: Moment): number {
  const steps = reselectSteps - 1 - (step % reselectSteps);
  return step + steps + 1 < totalSteps ? steps : Number.POSITIVE_INFINITY;
}

function isEvent(schedule: Schedule, moment: Moment): boolean {
  return stepsToEvent(schedule, moment) === 0;
}

function probeAt(schedule: Schedule, moment: Moment): Probe {
  const left = stepsToEvent(schedule, moment);
  if (left >= schedule.accumulationSteps) return 'None';
  return left === schedule.accumulationSteps - 1 ? 'All' : 'Candidates';
}

/** Of the places, at the event of a step. */
function shareAt({ reselectSteps, initialRate }: Schedule, { step, totalSteps }: Moment): number {
  if (step < reselectSteps) return 1;
  return initialRate * (1 - (step + 1) / totalSteps);
}

/** As many places as `index` has, and none of them, with the largest gradients; ascending. */
function largestOutside(gradient: Tensor, own: Tensor): Tensor {
  return scope(() => {
    const size = ops.abs(ops.view(gradient, [-1]));
    const outside = ops.indexFill_(size, 0, ops.to(own, 'int64'), -1);
    const [, places] = ops.topk(outside, own.numel);
    return ops.to(ops.sort(places)[0], 'int32');
  });
}

/** Drops and grows `count` places of a layer; ties go to the first place. */
function regrow_({ tensors, states }: OwnLayer, count: number): void {
  if (count === 0) return;
  const [v, own, others] = [tensors(value), tensors(index), tensors(candidates)];
  const [moments, growing] = [states(value), states(candidates)];
  const { exp_avg: first } = growing;
  if (first === undefined) return;
  const [dropped, grown] = [
    firstOf(ops.abs(v), count, false),
    firstOf(ops.abs(first), count, true),
  ];
  const places = ops.indexSelect(own, 0, dropped);
  ops.indexCopy_(own, 0, dropped, ops.indexSelect(others, 0, grown));
  ops.indexCopy_(others, 0, grown, places);
  ops.indexFill_(v, 0, dropped, 0);
  for (const [name, state] of Object.entries(moments)) {
    const from = growing[name];
    if (from === undefined) continue;
    ops.indexCopy_(state, 0, dropped, ops.to(ops.indexSelect(from, 0, grown), state.dtype));
  }
  sortTogether_(own, [v, ...Object.values(moments)]);
  sortTogether_(others, []);
}

/** Positions of the least or the largest values. */
function firstOf(values: Tensor, count: number, descending: boolean): Tensor {
  const [, order] = ops.sortStable(values, { stable: true, dim: 0, descending });
  return ops.narrow(order, 0, 0, count);
}

function sortTogether_(places: Tensor, others: readonly Tensor[]): void {
  const [sorted, order] = ops.sort(places);
  ops.copy_(places, sorted);
  for (const each of others) ops.copy_(each, ops.indexSelect(each, 0, order));
}
