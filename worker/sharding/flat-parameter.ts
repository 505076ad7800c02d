// Parameters that travel together, and the share of this rank: those of one place that are of one
// type and are active alike.
//
// What is stored in codes lies in a flat parameter as bytes, each matrix at one owner, who alone
// can round it or look for other codes; its gradient is that of the values that the codes stand
// for, at the same owner.
import { Bug } from '../../crds/failures/errors.ts';
import {
  type FlatParameterPlan,
  type FlatShard,
  followOwners,
  planFlatParameter,
  type ShardLayout,
  shardsOf,
} from '../../crds/plan/shards.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { Layer } from '../engine/weights.ts';
import type { DType } from '../tensor/dtype.ts';
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
  /** Type of trained tensors that come in the bfloat16 of their files. */
  readonly dtype: DType;
}

/** Parameters with the same one lie in the same flat parameter. */
export function flatParameterName(parameter: Parameter, options: FlatParameterOptions): string {
  const { layer, trained, coded } = parameter;
  return `${layer} ${trained} ${coded?.type ?? typeOf(parameter, options)}`;
}

/** Adapters are never bfloat16: what is, is the model's own. */
function typeOf({ trained, value }: Parameter, { dtype }: FlatParameterOptions): DType {
  return trained && value.dtype === 'bfloat16' ? dtype : value.dtype;
}

export class FlatParameter implements Disposable {
  readonly layer: Layer;
  readonly trained: boolean;
  /** Of the values, as gradients have them. */
  readonly plan: FlatParameterPlan;
  readonly parameters: readonly Parameter[];
  /** Where the values of the shards lie in the share of them. */
  readonly shared: readonly FlatShard[];
  readonly shards: readonly Shard[];
  /** Type in which gradients are summed up: bfloat16 would lose more with every rank. */
  readonly gradientType: 'float32' | 'float64';
  readonly collectives: Collectives;
  /** Of what is stored: values, or bytes of codes. */
  readonly #stored: FlatParameterPlan;
  readonly #share: Tensor;
  readonly #whole: Tensor;
  /** Both as bytes: how values are stored is nothing to those who carry them. */
  readonly #shareBytes: Tensor;
  readonly #wholeBytes: Tensor;
  #state: 'away' | 'here' | { readonly coming: Work } = 'here';

  constructor(members: readonly Parameter[], options: FlatParameterOptions) {
    const { group } = options;
    const [first] = members;
    if (first === undefined) throw new Bug('a line without parameters');
    const { layer, trained, coded } = first;
    this.layer = layer;
    this.trained = trained;
    this.gradientType = gradientTypeOf(first);
    const way = wayOf(first, options);
    this.collectives =
      way === 'sole'
        ? singleOwnerCollectives(group, ownerOf(layer, group))
        : shardedCollectives(group);
    const keeps = way !== 'sole' || group.rank === ownerOf(layer, group);
    const values = members.map(({ name, shape, value }) => ({
      name,
      count: coded === undefined ? value.numel : sizeOf(shape),
    }));
    this.plan =
      way === 'sole'
        ? planFlatParameter(values, 1, 'slice')
        : planFlatParameter(values, group.size, way, typeof layer === 'number' ? layer : 0);
    this.#stored = coded === undefined ? this.plan : followOwners(this.plan, bytesByName(members));
    const rank = way === 'sole' ? 0 : group.rank;
    this.shared = keeps ? shardsOf(this.plan, rank) : [];
    const dtype = coded === undefined ? typeOf(first, options) : 'uint8';
    const { share } = this.#stored;
    this.#share = keep(ops.zeros([this.collectives.shareOf(share)], { dtype }));
    this.shards = this.#takePieces(members, keeps ? shardsOf(this.#stored, rank) : []);
    this.#whole = keep(ops.empty([this.collectives.wholeOf(share)], { dtype }));
    this.#shareBytes = keep(ops.viewDtype(this.#share, 'uint8'));
    this.#wholeBytes = keep(ops.viewDtype(this.#whole, 'uint8'));
    this.parameters = this.#viewsOf(members);
    this.drop();
  }

  has(name: string): boolean {
    return this.plan.tensors.some((one) => one.name === name);
  }

  beginGather(): void {
    if (this.#state !== 'away') return;
    resizeStorage(this.#whole, this.#whole.bytes);
    this.#state = { coming: this.collectives.gather(this.#wholeBytes, this.#shareBytes) };
  }

  finishGather(): void {
    if (typeof this.#state === 'string') return;
    this.#state.coming.wait();
    this.#state = 'here';
  }

  /** Gives back the memory of the whole flat parameter. */
  drop(): void {
    this.finishGather();
    if (this.#state === 'away') return;
    resizeStorage(this.#whole, 0);
    this.#state = 'away';
  }

  [Symbol.dispose](): void {
    const views = [...this.parameters, ...this.shards.map(({ parameter }) => parameter)];
    for (const tensor of views.flatMap(tensorsOf)) tensor.dispose();
    for (const one of [this.#share, this.#whole, this.#shareBytes, this.#wholeBytes]) one.dispose();
  }

  #takePieces(members: readonly Parameter[], kept: readonly FlatShard[]): readonly Shard[] {
    const byName = new Map(members.map((one) => [one.name, one]));
    const shards = kept.map((shard) => {
      const parameter = byName.get(shard.name) ?? missing(shard.name);
      const own =
        parameter.coded === undefined
          ? this.#cut(parameter, shard)
          : this.#copied(parameter, shard);
      return { parameter: own, start: shard.start, whole: parameter.value.shape };
    });
    for (const tensor of members.flatMap(tensorsOf)) releasePages(tensor);
    return shards;
  }

  /** A shard of a tensor in its own part of the share. */
  #cut(parameter: Parameter, { start, count, at }: FlatShard): Parameter {
    const { shape, numel } = parameter.value;
    const value = scope(() => {
      const shard = ops.narrow(this.#share, 0, at, count);
      ops.copy_(shard, ops.narrow(ops.view(parameter.value, [-1]), 0, start, count));
      return count === numel ? ops.view(shard, shape) : shard;
    });
    return { ...parameter, value: keep(value) };
  }

  /** Codes with their parts, which are never cut. */
  #copied(parameter: Parameter, { count, at }: FlatShard): Parameter {
    return scope(() => {
      const own = laidOver(ops.narrow(this.#share, 0, at, count), parameter);
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

/**
 * How a flat parameter is kept: cut into slices, each tensor at an owner, or all of it at one rank.
 */
function wayOf(
  { layer, trained, coded }: Parameter,
  { layout }: FlatParameterOptions,
): 'slice' | 'owner' | 'sole' {
  if (coded !== undefined) return 'owner';
  if (!trained) return 'slice';
  if (typeof layer !== 'number') return layout === 'owner' ? 'sole' : 'slice';
  return layout === 'slice' ? 'slice' : 'owner';
}

/** Embedding and head are the largest of all: not the same rank keeps both. */
function ownerOf(layer: Layer, { size }: ProcessGroup): number {
  return layer === 'head' ? size - 1 : 0;
}

function gradientTypeOf({ value, coded }: Parameter): 'float32' | 'float64' {
  const exact = coded?.type === 'Codebook' ? coded.parts.codebooks : value;
  return exact.dtype === 'float64' ? 'float64' : 'float32';
}

function bytesByName(members: readonly Parameter[]): ReadonlyMap<string, number> {
  return new Map(members.map((parameter) => [parameter.name, bytesOf(parameter)]));
}

function missing(name: string): never {
  throw new Bug(`the flat parameter has no tensor ${name}`);
}
