// Bytes of one quantized matrix: codes, scales, and the parameters of scales. It is one allocation
// with a header; its sections begin at multiples of 64 bytes
// (worker/native/kernels/quantized/layout.h).
import type { Linear } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';

/** A base whose matrices have groups that share a scale, or rows. */
export type GroupedBase = Exclude<ResolvedMethod['base'], { type: 'Dense' | 'Codebook' | 'AdaPT' }>;

type Sizes = Pick<Linear, 'out' | 'in'>;

export const headerBytes = 128;
export const sectionBytes = 64;
const nested = 256;
/** Of double quantization: values of the codes of scales, the same for all matrices. */
export const mapBytes = 256 * 4;

/** Bytes of one matrix in memory. */
export function matrixBytes(sizes: Sizes, base: GroupedBase): number {
  return sectionsOf(sizes, base).reduce(
    (sum, bytes) => sum + Math.ceil(bytes / sectionBytes) * sectionBytes,
    headerBytes,
  );
}

/** Bytes of each section, before the next begins. */
export function sectionsOf({ out, in: inputs }: Sizes, base: GroupedBase): readonly number[] {
  const values = out * inputs;
  const groups = values / (groupOf(base) ?? inputs);
  const packed = (bits: number) => [(values * bits) / 8, 2 * groups, groups];
  switch (base.type) {
    case 'NF4':
      return base.nf4.scales === 'Float32'
        ? [values / 2, 4 * groups]
        : [values / 2, groups, 4 * Math.ceil(groups / nested), mapBytes];
    case 'Int8':
      return [values, 4 * groups];
    case 'Integer':
      return packed(base.integer.bits);
    // Of the matrices of a block on average; that of one differs.
    case 'Mixed':
      return [(values * Number(base.mixed.averageBits)) / 8];
    case 'Int4':
      return packed(4);
    case 'FakeQuantized':
      return packed(base.fakeQuantized.bits);
    default:
      return base satisfies never;
  }
}

/** Undefined: the whole row. */
export function groupOf(base: GroupedBase): number | undefined {
  switch (base.type) {
    case 'NF4':
      return base.nf4.blockSize;
    case 'Int8':
      return base.int8.groupSize;
    case 'Int4':
      return base.int4.groupSize;
    case 'Integer':
      return base.integer.groupSize;
    case 'Mixed':
      return undefined;
    case 'FakeQuantized': {
      const { strategy, groupSize, gguf } = base.fakeQuantized;
      return strategy === 'Channel' || gguf !== undefined ? undefined : groupSize;
    }
    default:
      return base satisfies never;
  }
}
