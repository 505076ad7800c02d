// How a trained matrix is stored when not as its values: quantized values or codes, and the tensors
// that decode them.
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
  /** Type of the decoded values. */
  readonly dtype: DType;
}

export type Coding = GroupCoding | CodebookCoding;

/** The same coding with each part replaced, in order. */
export function withParts(coding: Coding, replace: (part: Tensor) => Tensor): Coding {
  if (coding.type === 'Groups') {
    const { scales, zeros } = coding.parts;
    return { ...coding, parts: { scales: replace(scales), zeros: replace(zeros) } };
  }
  const { codebooks, scales } = coding.parts;
  return { ...coding, parts: { codebooks: replace(codebooks), scales: replace(scales) } };
}

/** The decoded values, in the type of the model; always a new tensor. */
export function decoded(codes: Tensor, coding: Coding): Tensor {
  return coding.type === 'Groups'
    ? decode({ codes, ...coding.parts }, 'bfloat16')
    : decodeCodebook({ codes, ...coding.parts }, coding.dtype);
}
