// Sequences on their way through the blocks, without a tape: for evaluation, and for what is
// measured of a model or changed in it block by block. All sequences pass a block before the next
// one begins, so sharded weights are gathered once.
import { Bug } from '../../crds/failures/errors.ts';
import { type Place, stageOf } from '../families/family.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { runBlock } from './block-tape.ts';
import type { Model } from './model.ts';
import { noSides, type Sides } from './network.ts';
import type { PackedSequence, SeeAttention } from './packed-sequence.ts';
import { type Layer, layerAfter, withLayer } from './weights.ts';

/** What is called while a block computes; the tensors live until the call returns. */
interface Seen {
  readonly attention?: SeeAttention | undefined;
  /**
   * The input `[T, I]` of each linear layer, by its path; layers that read one tensor are shown the
   * same one, one after the other. The place of the sequence among all of them.
   */
  readonly input?: ((path: string, x: Tensor, sequence: number) => void) | undefined;
}

interface WalkEnd {
  /** How many blocks are passed. @default all */
  readonly blocks?: number;
  /** Whether the head runs after the last one: gathering it begins meanwhile. @default false */
  readonly head?: boolean;
}

/** Owns the streams, `[T, H]` of each sequence, and what blocks read beside them. */
export class BlockWalk implements Disposable {
  readonly #model: Model;
  readonly #sequences: readonly PackedSequence[];
  #streams: Tensor[] = [];
  #sides: readonly Sides[] = [];
  readonly #end: Required<WalkEnd>;
  #layer = 0;

  /** The sequences must live as long as the walk. */
  constructor(
    model: Model,
    sequences: readonly PackedSequence[],
    { blocks = model.config.L, head = false }: WalkEnd = {},
  ) {
    this.#model = model;
    this.#end = { blocks, head };
    this.#sequences = sequences;
    this.#enter(model.places.inlet);
  }

  /** The block that comes next. */
  get layer(): number {
    return this.#layer;
  }

  get isOver(): boolean {
    return this.#layer >= this.#end.blocks;
  }

  /** The inputs of the next block; after the last block of the model, of the final norm. */
  get streams(): readonly Tensor[] {
    return this.#streams;
  }

  /** What the blocks of this stage read beside the streams; of the last stage, the outlet too. */
  get sides(): readonly Sides[] {
    return this.#sides;
  }

  /**
   * Computes the next block for its observers alone, as another model of these weights has it; for
   * one sequence, if it is named.
   */
  look(seen: Seen, model: Model = this.#model, only: number | null = null): void {
    this.#block(model, { ...seen, only }, this.#layer, () => {});
  }

  /** Passes the next block. */
  advance(seen: Seen = {}): void {
    this.#block(this.#model, seen, this.#next(), (output, a) => {
      this.#streams[a]?.dispose();
      this.#streams[a] = keep(output);
    });
    this.#layer += 1;
    const after = this.isOver ? null : layerAfter(this.#model.places, this.#layer - 1);
    if (typeof after === 'string') this.#enter(after);
  }

  /**
   * Passes the blocks before `layer`, all of one stage, as if each sequence got its change `[T, H]`
   * from them.
   */
  skip(layer: number, changes: readonly Tensor[]): void {
    for (const [a, change] of changes.entries()) {
      const before = this.#streams[a] ?? missing(a);
      this.#streams[a] = scope(() => keep(ops.add(before, change)), this.#model.device);
      before.dispose();
    }
    this.#layer = layer;
  }

  /** Passes all blocks that are left. */
  finish(seen: Seen = {}): readonly Tensor[] {
    while (!this.isOver) this.advance(seen);
    return this.#streams;
  }

  [Symbol.dispose](): void {
    this.#free();
  }

  #next(): Layer | null {
    const { places } = this.#model;
    if (this.#layer + 1 < this.#end.blocks) return layerAfter(places, this.#layer);
    return this.#end.head ? places.outlet : null;
  }

  /** Begins a stage with what the one before ended with. */
  #enter(inlet: Place): void {
    const model = this.#model;
    const stage = stageOf(model.places, inlet);
    const entries = withLayer(model, inlet, this.#layer, () =>
      this.#sequences.map((sequence, a) =>
        scope(() => {
          const { x, sides } = model.network.enter(
            model,
            sequence,
            stage,
            this.#streams[a] ?? null,
          );
          for (const side of Object.values(sides)) keep(side);
          return { x: keep(x), sides };
        }, model.device),
      ),
    );
    this.#free();
    this.#streams = entries.map(({ x }) => x);
    this.#sides = entries.map(({ sides }) => sides);
  }

  #free(): void {
    for (const stream of this.#streams) stream.dispose();
    for (const side of this.#sides.flatMap((sides) => Object.values(sides))) side.dispose();
  }

  #block(
    model: Model,
    { attention, input, only = null }: Seen & { readonly only?: number | null },
    next: Layer | null,
    take: (output: Tensor, a: number) => void,
  ): void {
    const layer = this.#layer;
    withLayer(model, layer, next, () => {
      for (const [a, sequence] of this.#sequences.entries()) {
        if (only !== null && a !== only) continue;
        const observe = input && ((path: string, x: Tensor) => input(path, x, a));
        scope(() => {
          const x = this.#streams[a] ?? missing(a);
          const sides = this.#sides[a] ?? noSides;
          const pass = { model, layer, sequence, sides, draw: null };
          take(runBlock({ ...pass, seeAttention: attention, observe }, x), a);
        }, model.device);
      }
    });
  }
}

function missing(index: number): never {
  throw new Bug(`no residual stream for sequence ${index}`);
}
