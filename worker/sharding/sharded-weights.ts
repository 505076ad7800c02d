// The tensors of a model, sharded over the ranks of a world. Parameters of one layer with the same
// type that are active together form a flat parameter (crds/plan/shards.ts). A rank keeps its
// shard; the complete flat parameter exists only while its layer is computed.
//
// The tensors of a complete flat parameter live as long as the run, and only their storage is freed
// between two uses. So a tape recorded in the forward finds its weights again in the backward.
import { Bug } from '../../crds/failures/errors.ts';
import type { Parameter, Role } from '../engine/parameters.ts';
import type { Layer, Weights } from '../engine/weights.ts';
import { inletsOf, sharedPlace } from '../families/family.ts';
import { FlatParameter, type FlatParameterOptions, flatParameterName } from './flat-parameter.ts';
import type { Shard } from './shards.ts';

/** Blocks that are gathered at the same time: the present one and the next. */
const wholeBlocks = 2;

export interface ShardedWeightsOptions extends FlatParameterOptions {
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Called for parameters whose complete values are freed, with all that depends on them. */
  readonly onDrop?: (name: string) => void;
}

export class ShardedWeights implements Weights, Disposable {
  readonly #flats: FlatParameter[] = [];
  readonly #options: ShardedWeightsOptions;
  readonly #taken = new Set<Layer>();
  /** Blocks gathered or being gathered, least recently used first. */
  #blocks: readonly number[] = [];
  /** Milliseconds spent waiting for gathers. */
  waitedMs = 0;

  constructor(options: ShardedWeightsOptions) {
    this.#options = options;
  }

  /**
   * Takes over parameters and keeps this rank's shards; disposes the originals. The returned
   * parameters, in the same order, are complete only between `take` and `release` of their layer.
   */
  shard(parameters: readonly Parameter[]): readonly Parameter[] {
    const byFlatParameter = Map.groupBy(parameters, (one) => flatParameterName(one, this.#options));
    const flats = [...byFlatParameter.values()].map(
      (members) => new FlatParameter(members, this.#options),
    );
    this.#flats.push(...flats);
    const whole = new Map(
      flats.flatMap((flat) => flat.parameters.map((one) => [one.name, one] as const)),
    );
    return parameters.map(({ name }) => whole.get(name) ?? missing(name));
  }

  /** This rank's shards of the parameters with one of the roles. */
  shardsOf(...roles: readonly Role[]): readonly Shard[] {
    return this.#flats.flatMap((flat) => (roles.includes(flat.role) ? flat.shards : []));
  }

  /** The flat parameter that holds a trained parameter. */
  flatParameterOf(parameter: Parameter): FlatParameter {
    return this.#flats.find((flat) => flat.has(parameter.name)) ?? missing(parameter.name);
  }

  take(layer: Layer): void {
    this.#taken.add(layer);
    this.#begin(layer);
    const began = this.#options.now();
    for (const flat of this.#neededBy(layer)) flat.finishGather();
    this.waitedMs += this.#options.now() - began;
  }

  prefetch(layer: Layer): void {
    this.#begin(layer);
  }

  release(layer: Layer): void {
    this.#taken.delete(layer);
    // What lies outside the blocks has the largest matrices, and is not needed again soon.
    if (typeof layer !== 'number') this.#drop(this.#flatsOf(layer));
  }

  /** The trained shards have changed: drops what was gathered before. */
  dropTrained(): void {
    this.#drop(this.#flats.filter(({ role }) => role === 'trained' || role === 'chosen'));
  }

  [Symbol.dispose](): void {
    for (const flat of this.#flats) flat[Symbol.dispose]();
  }

  #begin(layer: Layer): void {
    if (typeof layer === 'number') this.#makeRoomFor(layer);
    for (const flat of this.#neededBy(layer)) flat.beginGather();
  }

  /** Blocks need what they share as well, which stays until it has changed. */
  #neededBy(layer: Layer): readonly FlatParameter[] {
    if (typeof layer !== 'number') return this.#flatsOf(layer);
    return [...this.#flatsOf(layer), ...this.#flatsOf(sharedPlace)];
  }

  #makeRoomFor(block: number): void {
    const others = this.#blocks.filter((one) => one !== block);
    const idle = others.filter((one) => !this.#taken.has(one));
    const gone = new Set(idle.slice(0, Math.max(0, others.length + 1 - wholeBlocks)));
    for (const one of gone) this.#drop(this.#flatsOf(one));
    this.#blocks = [...others.filter((one) => !gone.has(one)), block];
  }

  #drop(flats: readonly FlatParameter[]): void {
    for (const flat of flats) {
      flat.drop();
      for (const { name } of flat.parameters) this.#options.onDrop?.(name);
    }
  }

  #flatsOf(layer: Layer): readonly FlatParameter[] {
    const { places } = this.#options;
    const embedding = inletsOf(places).at(-1);
    const tiedHead = layer === places.outlet && places.isTied;
    return this.#flats.filter(
      (flat) => flat.layer === layer || (tiedHead && flat.layer === embedding),
    );
  }
}

function missing(name: string): never {
  throw new Bug(`the world has no tensor ${name}`);
}
