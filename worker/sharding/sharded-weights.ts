// The tensors of a model shared out over the ranks of a world. The parameters of a place that are of one type and move alike lie on a
// line (crds/plan/shards.ts); a rank keeps its share, and the whole line exists only while its place is computed.
//
// Whole lines keep their tensors for the whole run: between two uses only the memory behind them is given back. So a tape that was
// recorded in the forward finds its weights again in the backward, at the place where it left them.
import { Bug } from '../../crds/failures/errors.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { Place, Weights } from '../engine/weights.ts';
import { Line, type LineOptions, lineName } from './flat-parameter.ts';
import type { Piece } from './shards.ts';

/** Blocks that are whole at one time: the one that computes, and the one that comes. */
const wholeBlocks = 2;

export interface ShardedWeightsOptions extends LineOptions {
  /** The head computes with the embedding. */
  readonly tied: boolean;
  /** Milliseconds that only differences are taken of. */
  readonly now: () => number;
  /** Told of parameters that are whole no more: what was made of their values goes with them. @default nobody is */
  readonly onDrop?: (name: string) => void;
}

export class ShardedWeights implements Weights, Disposable {
  readonly #lines: Line[] = [];
  readonly #options: ShardedWeightsOptions;
  readonly #taken = new Set<Place>();
  /** Blocks that are whole or coming, the one that was used longest ago first. */
  #blocks: readonly number[] = [];
  /** Milliseconds that were waited for gathers. */
  waitedMs = 0;

  constructor(options: ShardedWeightsOptions) {
    this.#options = options;
  }

  /**
   * Takes parameters over and keeps this rank's share: their own tensors are disposed of. What it gives back stands for them, in their
   * order, and is whole only while its place is taken.
   */
  share(parameters: readonly Parameter[]): readonly Parameter[] {
    const byLine = Map.groupBy(parameters, (one) => lineName(one, this.#options));
    const lines = [...byLine.values()].map((members) => new Line(members, this.#options));
    this.#lines.push(...lines);
    const whole = new Map(
      lines.flatMap((line) => line.parameters.map((one) => [one.name, one] as const)),
    );
    return parameters.map(({ name }) => whole.get(name) ?? missing(name));
  }

  /** What this rank keeps of the trained parameters. */
  get pieces(): readonly Piece[] {
    return this.#lines.flatMap((line) => (line.trained ? line.pieces : []));
  }

  /** The line that a trained parameter lies on. */
  lineOf(parameter: Parameter): Line {
    return this.#lines.find((line) => line.has(parameter.name)) ?? missing(parameter.name);
  }

  take(place: Place): void {
    this.#taken.add(place);
    this.#begin(place);
    const began = this.#options.now();
    for (const line of this.#linesOf(place)) line.finishGather();
    this.waitedMs += this.#options.now() - began;
  }

  prefetch(place: Place): void {
    this.#begin(place);
  }

  release(place: Place): void {
    this.#taken.delete(place);
    // Embedding and head are the largest matrices, and not asked for again soon.
    if (typeof place !== 'number') this.#drop(this.#linesOf(place));
  }

  /** The trained shares have changed: what was gathered of them is of no use any more. */
  moved(): void {
    this.#drop(this.#lines.filter((line) => line.trained));
  }

  [Symbol.dispose](): void {
    for (const line of this.#lines) line[Symbol.dispose]();
  }

  #begin(place: Place): void {
    if (typeof place === 'number') this.#makeRoomFor(place);
    for (const line of this.#linesOf(place)) line.beginGather();
  }

  #makeRoomFor(block: number): void {
    const others = this.#blocks.filter((one) => one !== block);
    const idle = others.filter((one) => !this.#taken.has(one));
    const gone = new Set(idle.slice(0, Math.max(0, others.length + 1 - wholeBlocks)));
    for (const one of gone) this.#drop(this.#linesOf(one));
    this.#blocks = [...others.filter((one) => !gone.has(one)), block];
  }

  #drop(lines: readonly Line[]): void {
    for (const line of lines) {
      line.drop();
      for (const { name } of line.parameters) this.#options.onDrop?.(name);
    }
  }

  #linesOf(place: Place): readonly Line[] {
    const tiedHead = place === 'head' && this.#options.tied;
    return this.#lines.filter(
      (line) => line.place === place || (tiedHead && line.place === 'embedding'),
    );
  }
}

function missing(name: string): never {
  throw new Bug(`the world has no tensor ${name}`);
}
