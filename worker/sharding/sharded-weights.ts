// The tensors of a model shared out over the ranks of a world. The parameters of a place that are
// of one type and are active alike lie on a flat parameter (crds/plan/shards.ts); a rank keeps its
// share, and the whole flat parameter exists only while its place is computed.
//
// Whole flat parameters keep their tensors for the whole run: between two uses only the memory
// behind them is given back. So a tape that was recorded in the forward finds its weights again in
// the backward, at the place where it left them.
import { Bug } from '../../crds/failures/errors.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { Layer, Weights } from '../engine/weights.ts';
import { FlatParameter, type FlatParameterOptions, flatParameterName } from './flat-parameter.ts';
import type { Shard } from './shards.ts';

/** Blocks that are whole at one time: the one that computes, and the one that comes. */
const wholeBlocks = 2;

export interface ShardedWeightsOptions extends FlatParameterOptions {
  /** The head computes with the embedding. */
  readonly tied: boolean;
  /** Milliseconds that only differences are taken of. */
  readonly now: () => number;
  /**
   * Told of parameters that are whole no more: what was made of their values goes with them.
   * @default nobody is
   */
  readonly onDrop?: (name: string) => void;
}

export class ShardedWeights implements Weights, Disposable {
  readonly #flats: FlatParameter[] = [];
  readonly #options: ShardedWeightsOptions;
  readonly #taken = new Set<Layer>();
  /** Blocks that are whole or coming, the one that was used longest ago first. */
  #blocks: readonly number[] = [];
  /** Milliseconds that were waited for gathers. */
  waitedMs = 0;

  constructor(options: ShardedWeightsOptions) {
    this.#options = options;
  }

  /**
   * Takes parameters over and keeps this rank's share: their own tensors are disposed of. What it
   * gives back stands for them, in their order, and is whole only while its place is taken.
   */
  share(parameters: readonly Parameter[]): readonly Parameter[] {
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

  /** What this rank keeps of the trained parameters. */
  get shards(): readonly Shard[] {
    return this.#flats.flatMap((flat) => (flat.trained ? flat.shards : []));
  }

  /** The flat parameter that a trained parameter lies on. */
  lineOf(parameter: Parameter): FlatParameter {
    return this.#flats.find((flat) => flat.has(parameter.name)) ?? missing(parameter.name);
  }

  take(layer: Layer): void {
    this.#taken.add(layer);
    this.#begin(layer);
    const began = this.#options.now();
    for (const flat of this.#flatsOf(layer)) flat.finishGather();
    this.waitedMs += this.#options.now() - began;
  }

  prefetch(layer: Layer): void {
    this.#begin(layer);
  }

  release(layer: Layer): void {
    this.#taken.delete(layer);
    // Embedding and head are the largest matrices, and not asked for again soon.
    if (typeof layer !== 'number') this.#drop(this.#flatsOf(layer));
  }

  /** The trained shares have changed: what was gathered of them is of no use any more. */
  moved(): void {
    this.#drop(this.#flats.filter((flat) => flat.trained));
  }

  [Symbol.dispose](): void {
    for (const flat of this.#flats) flat[Symbol.dispose]();
  }

  #begin(layer: Layer): void {
    if (typeof layer === 'number') this.#makeRoomFor(layer);
    for (const flat of this.#flatsOf(layer)) flat.beginGather();
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
    const tiedHead = layer === 'head' && this.#options.tied;
    return this.#flats.filter(
      (flat) => flat.layer === layer || (tiedHead && flat.layer === 'embedding'),
    );
  }
}

function missing(name: string): never {
  throw new Bug(`the world has no tensor ${name}`);
}
