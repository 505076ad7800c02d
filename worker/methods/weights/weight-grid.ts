// Grids that matrices of the blocks are rounded to while a model trains (engine/on-grid.ts). A
// grid sees rows of a matrix with all that is added to it, and says what products read in its
// place, and how the gradient of that passes back.
import type { GgufBlocks } from '../../../crds/methods/fake-quantized.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { AdaptiveFormats } from './adaptive-grid.ts';

/** The same rows of the grid's own tensors of a matrix, by suffix. */
export type OwnRows = (suffix: string) => Tensor;

/** Which rows they are: those of a module from the first on. */
interface RowsAt {
  readonly path: string;
  readonly first: number;
}

export interface WeightGrid {
  readonly name: string;
  /** Suffixes of its tensors, each of which has the rows of the matrix. @default none */
  readonly suffixes: readonly string[];
  /** Its tensors for a matrix `[out, in]` as its file has it, in float32 at least. */
  initialize(weight: Tensor): {
    readonly trained: Readonly<Record<string, Tensor>>;
    readonly kept: Readonly<Record<string, Tensor>>;
  };
  /** What products read in place of rows `w`, in the same type. */
  fake(w: Tensor, own: OwnRows, at: RowsAt): Tensor;
  /** For the gradient `G` of `fake`: that of the rows, null if they are fixed, and of its own. */
  gradients(
    w: Tensor,
    own: OwnRows,
    G: Tensor,
  ): { readonly weight: Tensor | null; readonly trained: Readonly<Record<string, Tensor>> };
  /** Multiplies the scheduled learning rate of its tensors. */
  readonly learningRateFactor: number;
  /** What rows are written as, where the grid is one of integers. */
  readonly integers?: GridOfIntegers;
  /** Where the grid changes while weights train. */
  readonly adaptive?: AdaptiveFormats;
  /** What rows are written as, where the grid is one of the blocks of a GGUF file. */
  readonly blocks?: GridOfBlocks;
}

interface GridOfBlocks {
  /** The type of the file; that of a matrix follows from its columns (files/gguf-blocks.ts). */
  readonly wanted: GgufBlocks;
  /** `[rows, bytes]`, uint8; `fake` is what they decode to. */
  coded(w: Tensor): Tensor;
}

interface GridOfIntegers {
  readonly bits: number;
  readonly range: 'Asymmetric' | 'Symmetric';
  readonly groupSize?: number | undefined;
  /** `fake` is `(code - zero) scale`; codes and zeros as integers in the type of `w`. */
  coded(w: Tensor, own: OwnRows): CodedRows;
}

export interface CodedRows {
  readonly codes: Tensor;
  /** `[rows, groups]`, values of bfloat16. */
  readonly scales: Tensor;
  /** `[rows, groups]`; null for a symmetric grid. */
  readonly zeros: Tensor | null;
}
