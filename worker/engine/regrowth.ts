// Places of a weight that an adapter chooses again while it trains (Regrowth): in some steps the
// gradient of the dense weight is computed at candidates, or all of it, from the gradient of the
// layer's output and its input; after some steps places are dropped and others grow.

import { Bug } from '../../crds/failures/errors.ts';
import type { Candidates, Moment, OwnLayer, Probe, Regrowth } from '../methods/adapters/adapter.ts';
import type { OptimizerState, Projector } from '../methods/optimizers/optimizer.ts';
import type { Shard } from '../sharding/shards.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Projectors } from './gradient-factors.ts';
import type { Active, Model } from './model.ts';
import type { Parameter } from './parameters.ts';
import type { Gradient } from './update.ts';
import type { World } from './world.ts';

/** What a step does for places that are chosen again. */
export interface StepProbe {
  /** By the name of the weight, what is computed of its gradient. */
  readonly projectors: Projectors;
  /**
   * Gradients of candidates, as they are offered to the update: where they are of all of the
   * weight, candidates are chosen by them first. Collective.
   */
  offered(gradients: readonly Gradient[]): readonly Gradient[];
}

/** The active parameters, and candidates whose gradients a step computes. */
export function withCandidates(active: Active, model: Model, moment: Moment): Active {
  const candidates = model.adapter?.regrowth?.candidates;
  if (candidates === undefined || candidates.probe(moment) === 'None') return active;
  const byLayer = Map.groupBy(candidatesOf(model, candidates), ({ layer }) => layer);
  return (layer) => [...active(layer), ...(byLayer.get(layer) ?? [])];
}

function candidatesOf({ parameters }: Model, candidates: Candidates): readonly Parameter[] {
  return parameters.all().filter(({ suffix }) => suffix === candidates.suffix);
}

/** This rank's parts of what steps change, and their optimizer state by name. */
interface Owned {
  readonly shards: readonly Shard[];
  readonly states: ReadonlyMap<string, OptimizerState>;
}

/** Null in a step without candidates. */
export function probeOf(
  model: Model,
  { shards, states }: Owned,
  world: World,
  moment: Moment,
): StepProbe | null {
  const candidates = model.adapter?.regrowth?.candidates;
  const probe = candidates?.probe(moment) ?? 'None';
  if (candidates === undefined || probe === 'None') return null;
  const found = candidatesOf(model, candidates).map((parameter) => {
    if (parameter.gradientOf === undefined) throw new Bug(`${parameter.name} is of no weight`);
    return [parameter.gradientOf, projectorOf(probe, parameter.value)] as const;
  });
  const chooseFor = chooser(model, candidates, { shards, states }, world);
  return {
    projectors: new Map(found),
    offered: (gradients) => (probe === 'All' ? gradients.map(chooseFor) : gradients),
  };
}

function projectorOf(probe: Exclude<Probe, 'None'>, places: Tensor): Projector {
  if (probe === 'Candidates') return (dy, x) => ops.sampledProduct(dy, x, places);
  return (dy, x) => {
    const dtype = exactType(x.dtype);
    return ops.linear(
      ops.contiguous(ops.t(ops.to(dy, dtype))),
      ops.contiguous(ops.t(ops.to(x, dtype))),
    );
  };
}

/** Chooses the candidates of a layer by a gradient over all ranks, and gives that at them. */
function chooser(
  { parameters }: Model,
  { choose }: Candidates,
  { shards, states }: Owned,
  world: World,
) {
  const own = new Map(shards.map(({ parameter }) => [parameter.name, parameter.value]));
  return (gradient: Gradient): Gradient => {
    const { parameter, value } = gradient;
    const { gradientOf, name } = parameter;
    if (gradientOf === undefined) return gradient;
    const path = gradientOf.replace(/\.weight$/, '');
    world.sumTensor(value);
    const at = scope(() => {
      const places = choose(value, (suffix) => parameters.value(`${path}.${suffix}`));
      const mine = own.get(name);
      if (mine !== undefined) ops.copy_(mine, places);
      // Moments of those before are not theirs.
      for (const each of Object.values(states.get(name) ?? {})) ops.zero_(each);
      const found = ops.indexSelect(ops.view(value, [-1]), 0, places);
      // Ranks add what they offer: one of them has the sum.
      return world.rank === 0 ? found : ops.zerosLike(found);
    });
    value.dispose();
    return { parameter, value: at };
  };
}

/** Whether a tensor of places has no state: all but candidates, and these in most steps. */
export function isWithoutState(
  regrowth: Regrowth | undefined,
  { role, suffix }: Pick<Parameter, 'role' | 'suffix'>,
  moment: Moment,
): boolean {
  if (role !== 'chosen') return false;
  const candidates = regrowth?.candidates;
  if (candidates === undefined || suffix !== candidates.suffix) return true;
  return candidates.probe(moment) === 'None';
}

/** The places of the values of a parameter that this rank owns; null where it has none. */
export function placesAmong(
  { adapter }: Pick<Model, 'adapter'>,
  shards: readonly Shard[],
): (parameter: Parameter) => Tensor | null {
  const regrowth = adapter?.regrowth;
  if (regrowth === undefined) return () => null;
  const { value, index } = regrowth;
  const own = new Map(shards.map(({ parameter }) => [parameter.name, parameter.value]));
  return ({ name, suffix }) =>
    suffix === value ? (own.get(`${name.slice(0, -value.length)}${index}`) ?? missing(name)) : null;
}

/**
 * Drops and grows places of the layers that this rank owns, where a step is due; whether it was.
 */
export function regrow(
  { adapter, device }: Pick<Model, 'adapter' | 'device'>,
  { shards, states }: Owned,
  moment: Moment,
): boolean {
  const regrowth = adapter?.regrowth;
  if (regrowth === undefined || !regrowth.isDue(moment)) return false;
  const own = new Map(shards.map(({ parameter }) => [parameter.name, parameter]));
  const values = [...own.values()].filter(({ suffix }) => suffix === regrowth.value);
  for (const { name } of values) {
    const path = name.slice(0, -regrowth.value.length - 1);
    const layer: OwnLayer = {
      tensors: (of) => own.get(`${path}.${of}`)?.value ?? missing(`${path}.${of}`),
      states: (of) => states.get(`${path}.${of}`) ?? missing(`the state of ${path}.${of}`),
    };
    scope(() => regrowth.regrow(layer, moment), device);
  }
  return true;
}

function missing(what: string): never {
  throw new Bug(`${what} is not where the values are`);
}
