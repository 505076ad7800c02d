// Extreme Compression of Large Language Models via Additive Quantization (Egiazarian et al. 2024):
// how a matrix is stored.
//
//   W[o, group j] = s_o * sum_k C_k[code[o, j, k]]
//
// O outputs · J groups of g neighbours of a row, J g inputs · K codebooks of E vectors. Codes are a
// byte each, so E is at most 256. 2 codebooks of 256 vectors over groups of 8 (2x8g8) are 2 bits a
// weight, and their vectors 16 KiB a matrix in float32.
import type { DType } from '../../tensor/dtype.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export interface CodebookScheme {
  /** K. */
  readonly codebooks: number;
  /** E is two to the power of it. */
  readonly bits: number;
  /** g. */
  readonly groupSize: number;
}

export interface CodebookMatrix {
  /** uint8 `[O, J, K]`. */
  readonly codes: Tensor;
  /** `[K, E, g]`, float32 or, in a float64 model, float64. */
  readonly codebooks: Tensor;
  /** `[O]`, in the type of the codebooks. */
  readonly scales: Tensor;
}

/**
 * Decodes to `[O, J g]`. float32 codebooks to float32 or bfloat16, float64 to float64 or float32.
 */
export function decodeCodebook({ codes, codebooks, scales }: CodebookMatrix, dtype: DType): Tensor {
  return ops.codebookDecode(codes, codebooks, scales, { dtype });
}

/** The tensors of a matrix by the names that they have in the file of what a run begins with. */
export function codebookParts(name: string, { codes, codebooks, scales }: CodebookMatrix) {
  return [
    [`${name}_codes`, codes],
    [`${name}_codebooks`, codebooks],
    [`${name}_scales`, scales],
  ] as const;
}

/** `[n, g]`: sums of the vectors at `codes [n, K]`, in the type of `codebooks [K, E, g]`. */
export function sumsOf(codes: Tensor, codebooks: Tensor): Tensor {
  return scope(() => {
    const { dtype } = codebooks;
    const scales = ops.ones([codes.shape[0] ?? 0], { dtype });
    const each = ops.contiguous(ops.unsqueeze(codes, 1));
    return decodeCodebook({ codes: each, codebooks, scales }, dtype);
  });
}

/** A matrix of this shape that decodes to zeros. */
export function emptyCodebook(
  [outputs = 0, inputs = 0]: readonly number[],
  { codebooks, bits, groupSize }: CodebookScheme,
  dtype: 'float32' | 'float64',
): CodebookMatrix {
  return {
    codes: ops.zeros([outputs, inputs / groupSize, codebooks], { dtype: 'uint8' }),
    codebooks: ops.zeros([codebooks, 2 ** bits, groupSize], { dtype }),
    scales: ops.ones([outputs], { dtype }),
  };
}

/** Codes for `targets [n, g]`, at least as near to them as `codes [n, K]`; computed in float32. */
export function nearestCodes(
  targets: Tensor,
  codebooks: Tensor,
  codes: Tensor,
  { order, beam }: { readonly order: readonly number[]; readonly beam: number },
): Tensor {
  return scope(() =>
    ops.codebookSearch(
      ops.contiguous(ops.to(targets, 'float32')),
      ops.to(codebooks, 'float32'),
      ops.contiguous(codes),
      order,
      beam,
    ),
  );
}
