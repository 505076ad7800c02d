// A flat parameter and this rank's shard of it. It holds the parameters of one layer that have the
// same type and are active in the same steps.
//
// Quantized parameters lie in it as bytes, each matrix complete at one owner, since rounding it or
// searching its codes needs all of it. The owner also gets the gradient, which is that of the
// decoded values.
import { Bug } from '../../crds/failures/errors.ts';
import {
  type FlatParameterPlan,
  type FlatShard,
  followOwners,
  planFlatParameter,
  type ShardLayout,
  shardsOf,
} from '../../crds/plan/shards.ts';
import type { Parameter, Role } from '../engine/parameters.ts';
import type { Layer } from '../engine/weights.ts';
import type { Places } from '../families/family.ts';
import { type DType, exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, resizeStorage, type Tensor } from '../tensor/tensor.ts';
import { type Collectives, shardedCollectives, singleOwnerCollectives } from './collectives.ts';
import type { ProcessGroup, Work } from './process-group.ts';
import { bytesOf, laidOver, tensorsOf } from './quantized-bytes.ts';
import { type Shard, sizeOf } from './shards.ts';

export interface FlatParameterOptions {
  readonly group: ProcessGroup;
  readonly layout: ShardLayout;
  readonly places: Places;
  /** Type of trained tensors whose files have bfloat16. */
  readonly dtype: DType;
}

/** Parameters with the same name share a flat parameter. */
export function flatParameterName(parameter: Parameter, options: FlatParameterOptions): string {
  const { layer, role, coded, suffix } = parameter;
  // Laid out as the values that they are places of, and at the same ranks.
  if (role === 'chosen') return `${layer} ${suffix}`;
  return `${layer} ${role} ${coded?.type ?? typeOf(parameter, options)}`;
}

/** A trained bfloat16 tensor is from the base model: adapters never are bfloat16. */
function typeOf({ role, value }: Parameter, { dtype }: FlatParameterOptions): DType {
  return role === 'trained' && value.dtype === 'bfloat16' ? dtype : value.dtype;
}

export class FlatParameter implements Disposable {
  readonly layer: Layer;
  readonly role: Role;
  /** Layout of the values, and of gradients. */
  readonly plan: FlatParameterPlan;
  readonly parameters: readonly Parameter[];
  /** Layout of the shards' values within this rank's shard. */
  readonly shared: readonly FlatShard[];
  readonly shards: readonly Shard[];
  /** Gradients are summed in this type: bfloat16 would lose precision with every rank. */
  readonly gradientType: 'float32' | 'float64';
  readonly collectives: Collectives;
  /** Layout of the stored values, or of the bytes of quantized ones. */
  readonly #stored: FlatParameterPlan;
  readonly #shard: Tensor;
  readonly #whole: Tensor;
  /** Both as bytes: collectives do not depend on the type. */
  readonly #shardBytes: Tensor;
  readonly #wholeBytes: Tensor;
  #state: 'dropped' | 'gathered' | { readonly gathering: Work } = 'gathered';

  constructor(members: readonly Parameter[], options: FlatParameterOptions) {
    const { group } = options;
    const [first] = members;
    if (first === undefined) throw new Bug('a flat parameter needs at least one parameter');
    const { layer, role, coded } = first;
    this.layer = layer;
    this.role = role;
    this.gradientType = gradientTypeOf(first);
    const layout = layoutOf(first, options);
    this.collectives =
      layout === 'sole'
        ? singleOwnerCollectives(group, ownerOf(layer, options))
        : shardedCollectives(group);
    const hasShard = layout !== 'sole' || group.rank === ownerOf(layer, options);
    const values = members.map(({ name, shape, value }) => ({
      name,
      count: coded === undefined ? value.numel : sizeOf(shape),
    }));
    this.plan =
      layout === 'sole'
        ? planFlatParameter(values, 1, 'slice')
        : planFlatParameter(values, group.size, layout, typeof layer === 'number' ? layer : 0);
    this.#stored = coded === undefined ? this.plan : followOwners(this.plan, bytesByName(members));
    const rank = layout === 'sole' ? 0 : group.rank;
    this.shared = hasShard ? shardsOf(this.plan, rank) : [];
    const dtype = coded === undefined ? typeOf(first, options) : 'uint8';
    const { device } = first.value;
    const { share } = this.#stored;
    this.#shard = keep(ops.zeros([this.collectives.shardSize(share)], { dtype, device }));
    this.shards = this.#takeShards(members, hasShard ? shardsOf(this.#stored, rank) : []);
    this.#whole = keep(ops.empty([this.collectives.completeSize(share)], { dtype, device }));
    this.#shardBytes = keep(ops.viewDtype(this.#shard, 'uint8'));
    this.#wholeBytes = keep(ops.viewDtype(this.#whole, 'uint8'));
    this.parameters = this.#viewsOf(members);
    this.drop();
  }

  has(name: string): boolean {
    return this.plan.tensors.some((one) => one.name === name);
  }

  beginGather(): void {
    if (this.#state !== 'dropped') return;
    resizeStorage(this.#whole, this.#whole.bytes);
    this.#state = { gathering: this.collectives.gather(this.#wholeBytes, this.#shardBytes) };
  }

  finishGather(): void {
    if (typeof this.#state === 'string') return;
    this.#state.gathering.wait();
    this.#state = 'gathered';
  }

  /** Frees the storage of the complete flat parameter. */
  drop(): void {
    this.finishGather();
    if (this.#state === 'dropped') return;
    resizeStorage(this.#whole, 0);
    this.#state = 'dropped';
  }

  [Symbol.dispose](): void {
    const views = [...this.parameters, ...this.shards.map(({ parameter }) => parameter)];
    for (const tensor of views.flatMap(tensorsOf)) tensor.dispose();
    for (const one of [this.#shard, this.#whole, this.#shardBytes, this.#wholeBytes]) one.dispose();
  }

  #takeShards(members: readonly Parameter[], kept: readonly FlatShard[]): readonly Shard[] {
    const byName = new Map(members.map((one) => [one.name, one]));
    const shards = kept.map((shard) => {
      const parameter = byName.get(shard.name) ?? missing(shard.name);
      const own =
        parameter.coded === undefined
          ? this.#shardOf(parameter, shard)
          : this.#copied(parameter, shard);
      return { parameter: own, start: shard.start, whole: parameter.value.shape };
    });
    for (const tensor of members.flatMap(tensorsOf)) releasePages(tensor);
    return shards;
  }

  /** Copies this rank's part of a tensor into the shard. */
  #shardOf(parameter: Parameter, { start, count, at }: FlatShard): Parameter {
    const { shape, numel } = parameter.value;
    const value = scope(() => {
      const shard = ops.narrow(this.#shard, 0, at, count);
      ops.copy_(shard, ops.narrow(ops.view(parameter.value, [-1]), 0, start, count));
      return count === numel ? ops.view(shard, shape) : shard;
    });
    return { ...parameter, value: keep(value) };
  }

  /** Copies a quantized parameter, which is never divided, into the shard. */
  #copied(parameter: Parameter, { count, at }: FlatShard): Parameter {
    return scope(() => {
      const own = laidOver(ops.narrow(this.#shard, 0, at, count), parameter);
      const targets = tensorsOf(own);
      for (const [i, from] of tensorsOf(parameter).entries()) {
        const target = targets[i];
        if (target !== undefined) ops.copy_(target, from);
      }
      return own;
    });
  }

  #viewsOf(members: readonly Parameter[]): readonly Parameter[] {
    const layers = new Map(this.#stored.tensors.map((one) => [one.name, one]));
    return members.map((parameter) => {
      const { at, count } = layers.get(parameter.name) ?? missing(parameter.name);
      const view = scope(() => {
        const own = ops.narrow(this.#whole, 0, at, count);
        if (parameter.coded !== undefined) return laidOver(own, parameter);
        return { ...parameter, value: keep(ops.view(own, parameter.value.shape)) };
      });
      for (const tensor of tensorsOf(parameter)) tensor.dispose();
      return view;
    });
  }
}

/** Evenly sharded, each tensor at an owner, or all tensors at one rank. */
function layoutOf(
  { layer, role, coded }: Parameter,
  { layout }: FlatParameterOptions,
): 'slice' | 'owner' | 'sole' {
  if (coded !== undefined) return 'owner';
  if (role !== 'trained' && role !== 'chosen') return 'slice';
  if (typeof layer !== 'number') return layout === 'owner' ? 'sole' : 'slice';
  return layout === 'slice' ? 'slice' : 'owner';
}

/** Inlet and outlet have the largest matrices: two ranks own them. */
function ownerOf(layer: Layer, { group, places }: FlatParameterOptions): number {
  return layer === places.outlet ? group.size - 1 : 0;
}

function gradientTypeOf({ value, coded }: Parameter): 'float32' | 'float64' {
  const exact = coded?.type === 'Codebook' ? coded.parts.codebooks : value;
  return exactType(exact.dtype);
}

function bytesByName(members: readonly Parameter[]): ReadonlyMap<string, number> {
  return new Map(members.map((parameter) => [parameter.name, bytesOf(parameter)]));
}

function missing(name: string): never {
  throw new Bug(`the flat parameter has no tensor ${name}`);
}
