// Ranks that an adapter gives to its layers while it trains (Growth). The values of all ranks are
// there from the first step; those that are not live have no gradient and keep their values. What
// decides is a few numbers of each layer, summed over all ranks of the world and read together with
// the norm of the gradients; they lie in the state of the trainer.
import type { Growth, LinearLayer, Moment, Pace } from '../methods/adapters/adapter.ts';
import type { RankGrowth } from '../methods/adapters/rank-growth.ts';
import type { Shard } from '../sharding/shards.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Active, Model } from './model.ts';
import type { Parameter } from './parameters.ts';
import type { Gradient } from './update.ts';

type Adapted = Pick<Model, 'adapter' | 'adapted'>;

/** What a step does for ranks that grow; null where they do not. */
export function stepGrowth(
  { adapter, adapted }: Adapted,
  state: RankGrowth | undefined,
  step: number,
): StepGrowth | null {
  const growth = adapter?.growth;
  if (growth === undefined) return null;
  return new StepGrowth(growth, [...adapted.keys()], state ?? growth.start(adapted.size), step);
}

export class StepGrowth {
  readonly #growth: Growth;
  readonly #state: RankGrowth;
  readonly #step: number;
  /** By path. */
  readonly #places: ReadonlyMap<string, number>;
  /** By place of the layer: sums of this rank, on the device. */
  readonly #scores = new Map<number, Tensor>();

  constructor(growth: Growth, paths: readonly string[], state: RankGrowth, step: number) {
    this.#growth = growth;
    this.#places = new Map(paths.map((path, i) => [path, i]));
    this.#state = state;
    this.#step = step;
  }

  /**
   * Takes the gradients of ranks that are not live out of these, and notes how much the loss
   * depends on those that are, with the values before the update.
   */
  offered(gradients: readonly Gradient[]): void {
    const own = gradients.filter(({ parameter }) => parameter.suffix === this.#growth.diagonal);
    if (own.length === 0) return;
    for (const { parameter, value } of own) {
      const live = this.#growth.live(this.#birthsOf(parameter));
      scope(() => ops.zero_(ops.narrow(value, 0, live, value.numel - live)));
    }
    const sums = scope(() => {
      const values = ops.stack(own.map(({ parameter }) => parameter.value));
      const products = ops.mul(values, ops.stack(own.map(({ value }) => value)));
      return ops.unbind(ops.sumDim(ops.to(ops.abs(products), 'float64'), [1]), 0);
    });
    for (const [i, { parameter }] of own.entries()) {
      const sum = sums[i];
      if (sum !== undefined) this.#scores.set(this.#placeOf(parameter), sum);
    }
  }

  /** Of every layer; zero where the layer is another rank's, or does not train. */
  scores(): readonly Tensor[] {
    const none = ops.zeros([], { dtype: 'float64' });
    return [...this.#places.values()].map((place) => this.#scores.get(place) ?? none);
  }

  /** Makes the change of a parameter, of some ranks only a part of it. */
  pacing(parameter: Parameter, change: () => void): void {
    const { suffix, value } = parameter;
    const paces =
      suffix === undefined || !this.#places.has(pathOf(parameter))
        ? []
        : this.#growth.paces(suffix, this.#birthsOf(parameter), this.#step);
    if (paces.length === 0) change();
    else scope(() => changedInPart(value, paces, change));
  }

  #placeOf(parameter: Parameter): number {
    return this.#places.get(pathOf(parameter)) ?? -1;
  }

  #birthsOf(parameter: Parameter): readonly number[] {
    return this.#state.births[this.#placeOf(parameter)] ?? [];
  }
}

function pathOf({ name, suffix = '' }: Parameter): string {
  return name.slice(0, -suffix.length - 1);
}

function changedInPart(value: Tensor, paces: readonly Pace[], change: () => void): void {
  const parts = paces.map(({ dim, from, count, pace }) => {
    const part = ops.narrow(value, dim, from, count);
    return { part, pace, before: ops.clone(part) };
  });
  change();
  for (const { part, pace, before } of parts) {
    ops.copy_(part, pace === 0 ? before : ops.lerp_(before, part, pace));
  }
}

interface StepDone {
  /** The sums over all ranks, by layer. */
  readonly scores: readonly number[];
  readonly active: Active;
  readonly moment: Moment;
}

/** What a step that was applied makes of it; null where no ranks grow. */
export function growthAfter(
  { adapter, adapted }: Adapted,
  before: RankGrowth | undefined,
  { scores, active, moment }: StepDone,
): RankGrowth | null {
  const growth = adapter?.growth;
  if (growth === undefined) return null;
  const layers: readonly LinearLayer[] = [...adapted.values()];
  const trains = ({ layer, path }: LinearLayer) =>
    active(layer).some(({ name }) => name === `${path}.${growth.diagonal}`);
  const own = layers.map((layer, i) => (trains(layer) ? (scores[i] ?? null) : null));
  return growth.after(before ?? growth.start(adapted.size), { scores: own, layers, moment });
}

/** Whether layers got ranks in between. */
export function hasGrown(before: RankGrowth | undefined, after: RankGrowth): boolean {
  return after.births.some((own, i) => own.length > (before?.births[i]?.length ?? 0));
}

/** Makes reserves of what follows the live ranks, in the layers that this rank owns. */
export function settleRanks(
  { adapter, adapted, device }: Pick<Model, 'adapter' | 'adapted' | 'device'>,
  shards: readonly Shard[],
  state: RankGrowth,
): void {
  const growth = adapter?.growth;
  if (growth === undefined) return;
  const places = new Map([...adapted.keys()].map((path, i) => [path, i]));
  for (const { parameter } of shards) {
    if (parameter.suffix !== growth.diagonal) continue;
    const births = state.births[places.get(pathOf(parameter)) ?? -1] ?? [];
    scope(() => growth.settle(parameter.value, births, state), device);
  }
}

/** `24 live ranks, 1 to 5 a layer`. */
export function ranksInWords({ adapter }: Pick<Model, 'adapter'>, state: RankGrowth): string {
  const live = state.births.map((births) => adapter?.growth?.live(births) ?? 0);
  const total = live.reduce((sum, one) => sum + one, 0);
  return `${total} live ranks, ${Math.min(...live)} to ${Math.max(...live)} a layer`;
}
