// How a trained matrix is stored where that is not as its values: codes, and what makes numbers of
// them.
import type { DType } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type Coded, decode } from './affine-groups.ts';
import { type CodebookMatrix, decodeCodebook } from './codebook.ts';

interface GroupCoding {
  readonly type: 'Groups';
  readonly parts: Pick<Coded, 'scales' | 'zeros'>;
}

interface CodebookCoding {
  readonly type: 'Codebook';
  readonly parts: Pick<CodebookMatrix, 'codebooks' | 'scales'>;
  /** Type that is computed with. */
  readonly dtype: DType;
}

export type Coding = GroupCoding | CodebookCoding;

/** The same coding with other tensors in the place of its parts, made in their order. */
export function withParts(coding: Coding, replace: (part: Tensor) => Tensor): Coding {
  if (coding.type === 'Groups') {
    const { scales, zeros } = coding.parts;
    return { ...coding, parts: { scales: replace(scales), zeros: replace(zeros) } };
  }
  const { codebooks, scales } = coding.parts;
  return { ...coding, parts: { codebooks: replace(codebooks), scales: replace(scales) } };
}

/** The numbers that codes stand for, in the type that is computed with; always a new tensor. */
export function decoded(codes: Tensor, coding: Coding): Tensor {
  return coding.type === 'Groups'
    ? decode({ codes, ...coding.parts }, 'bfloat16')
    : decodeCodebook({ codes, ...coding.parts }, coding.dtype);
}
