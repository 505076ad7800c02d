// Fake quantization on the blocks of a GGUF type: products read what the blocks of the present
// weights decode to, and a GGUF file of that type has these blocks.
//   w' = decode(encode(w))     encode: the search of ggml, block by block
// Steps and bases of blocks are no parameters: they follow from the weights, whenever these are
// used. Gradients pass straight through, but for values that no code reaches:
//   dL/dw = G inside     inside = (low - step/2 ≤ w ≤ high + step/2)
// where low and high are the values of the least and the largest code of a group. Half a step is
// allowed because steps are rounded to float16, and those of K types to a few bits: the largest
// value of a group may lie a little above what it is coded as, and is not cut off by that. A group
// whose step is zero passes its gradients, so that it can grow again.
//
// Rows that are no whole blocks have the type that a file gives them, by the same function.
import { Bug } from '../../../crds/failures/errors.ts';
import type { GgufBlocks } from '../../../crds/methods/fake-quantized.ts';
import { plainDTypes, rowsInBlocks, rowsOfBlocks } from '../../files/gguf-blocks.ts';
import { type GgufTypeName, ggufTensorType, typeOfRows } from '../../files/gguf-types.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { WeightGrid } from './weight-grid.ts';

export function ggufGrid(wanted: GgufBlocks): WeightGrid {
  const typeOf = ({ shape }: Tensor) => typeOfRows(shape[1] ?? 0, wanted);
  return {
    name: `FakeQuantized ${wanted}`,
    suffixes: [],
    initialize: () => ({ trained: {}, kept: {} }),
    fake: (w) =>
      scope(() => {
        const type = typeOf(w);
        const finite = ops.isfinite(w);
        const blocks = rowsInBlocks(finiteOf(w, finite), type);
        // A loss that is no number says so where losses are judged.
        return ops.where(finite, ops.to(rowsOfBlocks(blocks, type, w.shape), w.dtype), w);
      }),
    gradients: (w, _, G) => ({
      weight: scope(() => insideOf(finiteOf(w, ops.isfinite(w)), G, typeOf(w))),
      trained: {},
    }),
    learningRateFactor: 1,
    blocks: { wanted, coded: (w) => scope(() => rowsInBlocks(w, typeOf(w))) },
  };
}

interface Codes {
  /** Bytes of a block that hold the codes of its values. */
  readonly bytes: readonly [first: number, behind: number];
  /** Such bytes of the least and of the largest code. @default 0 and 255 */
  readonly ends?: readonly [least: number, largest: number];
  /** Steps from the least code to the largest. */
  readonly steps: number;
}

/** By the layouts of kernels/gguf/blocks.h. */
const codesOf: { readonly [Type in GgufTypeName]?: Codes } = {
  Q4_0: { bytes: [2, 18], steps: 15 },
  Q4_1: { bytes: [4, 20], steps: 15 },
  Q5_0: { bytes: [2, 22], steps: 31 },
  Q5_1: { bytes: [4, 24], steps: 31 },
  Q8_0: { bytes: [2, 34], ends: [129, 127], steps: 254 },
  Q2_K: { bytes: [16, 80], steps: 3 },
  Q3_K: { bytes: [0, 96], steps: 7 },
  Q4_K: { bytes: [16, 144], steps: 15 },
  Q5_K: { bytes: [16, 176], steps: 31 },
  Q6_K: { bytes: [0, 192], steps: 63 },
};

/** `G` of values that codes reach, and zeros. */
function insideOf(w: Tensor, G: Tensor, type: GgufTypeName): Tensor {
  if (plainDTypes[type] !== undefined) return ops.clone(G);
  const codes = codesOf[type];
  if (codes === undefined) throw new Bug(`${type} has no blocks`);
  const { bytes, ends = [0, 255], steps } = codes;
  const [first, behind] = bytes;
  const { blockBytes } = ggufTensorType(type);
  const blocks = ops.view(rowsInBlocks(w, type), [-1, blockBytes]);
  const [one, other] = ends.map((byte) => {
    ops.fill_(ops.narrow(blocks, 1, first, behind - first), byte);
    return ops.to(rowsOfBlocks(blocks, type, w.shape), w.dtype);
  });
  if (one === undefined || other === undefined) throw new Bug('a range has two ends');
  const middle = ops.mulScalar(ops.add(one, other), 0.5);
  const reach = ops.mulScalar(ops.abs(ops.sub(one, other)), 0.5 + 0.5 / steps);
  const within = ops.le(ops.abs(ops.sub_(middle, w)), reach);
  const inside = ops.logicalOr(within, ops.eqScalar(reach, 0));
  return ops.mul(G, ops.to(inside, G.dtype));
}

/** Zeros in place of what no block can hold. */
function finiteOf(w: Tensor, finite: Tensor): Tensor {
  return ops.where(finite, w, ops.zerosLike(w));
}
