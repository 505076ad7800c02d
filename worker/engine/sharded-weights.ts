// The tensors of a model shared out over the ranks of a world. The parameters of a place that are of one type and move alike lie on a
// line (crds/plan/shards.ts); a rank keeps its share, and the whole line exists only while its place is computed.
//
// Whole lines keep their tensors for the whole run: between two uses only the memory behind them is given back. So a tape that was
// recorded in the forward finds its weights again in the backward, at the place where it left them.
import { Bug } from '../../crds/errors.ts';
import {
  type LinePiece,
  type LinePlan,
  piecesOf,
  planLine,
  type ShardLayout,
} from '../../crds/plan/shards.ts';
import type { ProcessGroup, Work } from '../cluster/process-group.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, resizeStorage, type Tensor } from '../tensor/tensor.ts';
import type { Parameter } from './parameters.ts';
import type { Piece } from './pieces.ts';
import type { Place, Weights } from './weights.ts';

/** Blocks that are whole at one time: the one that computes, and the one that comes. */
const wholeBlocks = 2;

export interface ShardedWeightsOptions {
  readonly group: ProcessGroup;
  readonly layout: ShardLayout;
  /** The head computes with the embedding. */
  readonly tied: boolean;
  /** Type of trained tensors that come in the bfloat16 of their files. */
  readonly dtype: DType;
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

/** Parameters that travel together, and the share of this rank. */
export class Line implements Disposable {
  readonly place: Place;
  readonly trained: boolean;
  readonly plan: LinePlan;
  readonly parameters: readonly Parameter[];
  /** Where the pieces lie in the share. */
  readonly shared: readonly LinePiece[];
  readonly pieces: readonly Piece[];
  readonly #group: ProcessGroup;
  readonly #share: Tensor;
  readonly #whole: Tensor;
  /** Both as bytes: how values are stored is nothing to those who carry them. */
  readonly #shareBytes: Tensor;
  readonly #wholeBytes: Tensor;
  #state: 'away' | 'here' | { readonly coming: Work } = 'here';

  constructor(members: readonly Parameter[], options: ShardedWeightsOptions) {
    const { group, layout } = options;
    const [first] = members;
    if (first === undefined) throw new Bug('a line without parameters');
    const { place, trained } = first;
    const dtype = typeOf(first, options);
    this.place = place;
    this.trained = trained;
    this.#group = group;
    const tensors = members.map(({ name, value }) => ({ name, count: value.numel }));
    this.plan = planLine(tensors, group.size, layout);
    this.#share = keep(ops.zeros([this.plan.share], { dtype }));
    this.shared = piecesOf(this.plan, group.rank);
    this.pieces = this.#takePieces(members);
    this.#whole = keep(ops.empty([group.size * this.plan.share], { dtype }));
    this.#shareBytes = keep(ops.viewDtype(this.#share, 'uint8'));
    this.#wholeBytes = keep(ops.viewDtype(this.#whole, 'uint8'));
    this.parameters = this.#viewsOf(members);
    this.drop();
  }

  get dtype(): DType {
    return this.#share.dtype;
  }

  has(name: string): boolean {
    return this.plan.tensors.some((one) => one.name === name);
  }

  beginGather(): void {
    if (this.#state !== 'away') return;
    resizeStorage(this.#whole, this.#whole.bytes);
    this.#state = { coming: this.#group.allGather(this.#wholeBytes, this.#shareBytes) };
  }

  finishGather(): void {
    if (typeof this.#state === 'string') return;
    this.#state.coming.wait();
    this.#state = 'here';
  }

  /** Gives back the memory of the whole line. */
  drop(): void {
    this.finishGather();
    if (this.#state === 'away') return;
    resizeStorage(this.#whole, 0);
    this.#state = 'away';
  }

  [Symbol.dispose](): void {
    for (const { value } of [...this.parameters, ...this.pieces.map((one) => one.parameter)]) {
      value.dispose();
    }
    for (const one of [this.#share, this.#whole, this.#shareBytes, this.#wholeBytes]) one.dispose();
  }

  #takePieces(members: readonly Parameter[]): readonly Piece[] {
    const byName = new Map(members.map((one) => [one.name, one]));
    const pieces = this.shared.map(({ name, start, count, at }) => {
      const parameter = byName.get(name) ?? missing(name);
      const whole = parameter.value.shape;
      const value = scope(() => {
        const piece = ops.narrow(this.#share, 0, at, count);
        ops.copy_(piece, ops.narrow(ops.view(parameter.value, [-1]), 0, start, count));
        return count === parameter.value.numel ? ops.view(piece, whole) : piece;
      });
      return { parameter: { ...parameter, value: keep(value) }, start, whole };
    });
    for (const { value } of members) releasePages(value);
    return pieces;
  }

  #viewsOf(members: readonly Parameter[]): readonly Parameter[] {
    const places = new Map(this.plan.tensors.map((one) => [one.name, one.at]));
    return members.map((parameter) => {
      const { name, value } = parameter;
      const at = places.get(name) ?? 0;
      const view = scope(() => ops.view(ops.narrow(this.#whole, 0, at, value.numel), value.shape));
      value.dispose();
      return { ...parameter, value: keep(view) };
    });
  }
}

function lineName(parameter: Parameter, options: ShardedWeightsOptions): string {
  return `${parameter.place} ${parameter.trained} ${typeOf(parameter, options)}`;
}

/** Adapters are never bfloat16: what is, is the model's own. */
function typeOf({ trained, value }: Parameter, { dtype }: ShardedWeightsOptions): DType {
  return trained && value.dtype === 'bfloat16' ? dtype : value.dtype;
}

function missing(name: string): never {
  throw new Bug(`the world has no tensor ${name}`);
}
