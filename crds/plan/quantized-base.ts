// Bytes of quantized linear layers: quantized values, scales, and the parameters of scales. A
// matrix is one allocation with a header; its sections begin at multiples of 64 bytes
// (worker/native/kernels/quantized/layout.h).
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { type Linear, linearsOf } from './parameters.ts';
import { requireWholeGroups } from './whole-groups.ts';

interface QuantizedBlock {
  /** Quantized weights of a block. */
  readonly values: number;
  readonly bytes: number;
}

/**
 * The quantized weights of a block; none if no matrix is quantized. A group that does not divide a
 * layer is refused.
 */
export function quantizedBlock(facts: DecoderFacts, { base }: ResolvedMethod): QuantizedBlock {
  if (!isInGroups(base)) return { values: 0, bytes: 0 };
  const linears = linearsOf(facts);
  requireGroups(linears, base);
  if (!storesFrozen(base)) return { values: 0, bytes: 0 };
  return {
    values: linears.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0),
    bytes: linears.reduce((sum, linear) => sum + matrixBytes(linear, base), 0),
  };
}

type Base = ResolvedMethod['base'];
type GroupedBase = Exclude<Base, { type: 'Dense' | 'Codebook' | 'AdaPT' }>;
type QuantizedBase = GroupedBase;

function isInGroups(base: Base): base is GroupedBase {
  return !['Dense', 'Codebook', 'AdaPT'].includes(base.type);
}

/** Whether frozen matrices are stored in fewer bits. */
export function storesFrozen(base: Base): base is QuantizedBase {
  return ['NF4', 'Int8', 'Int4'].includes(base.type) || storesInt4(base);
}

/** Whether fixed integers are stored as those of Int4. */
export function storesInt4(base: Base): boolean {
  if (base.type !== 'FakeQuantized') return false;
  const { trains, bits, strategy } = base.fakeQuantized;
  return trains === 'Scales' && bits === 4 && strategy === 'Group';
}

type Sizes = Pick<Linear, 'out' | 'in'>;

const headerBytes = 128;
const sectionBytes = 64;
const nested = 256;
const mapBytes = 256 * 4;

/** Bytes of one matrix in memory. */
export function matrixBytes({ out, in: inputs }: Sizes, base: QuantizedBase): number {
  const groups = (out * inputs) / (groupOf(base) ?? inputs);
  return sectionsOf(base, out * inputs, groups).reduce(
    (sum, bytes) => sum + Math.ceil(bytes / sectionBytes) * sectionBytes,
    headerBytes,
  );
}

function sectionsOf(base: QuantizedBase, values: number, groups: number): readonly number[] {
  switch (base.type) {
    case 'NF4':
      return base.nf4.scales === 'Float32'
        ? [values / 2, 4 * groups]
        : [values / 2, groups, 4 * Math.ceil(groups / nested), mapBytes];
    case 'Int8':
      return [values, 4 * groups];
    case 'Int4':
    case 'FakeQuantized':
      return [values / 2, 2 * groups, groups];
    default:
      return base satisfies never;
  }
}

/** Undefined: the whole row. */
function groupOf(base: GroupedBase): number | undefined {
  if (base.type === 'NF4') return base.nf4.blockSize;
  if (base.type === 'FakeQuantized') {
    const { strategy, groupSize, gguf } = base.fakeQuantized;
    return strategy === 'Channel' || gguf !== undefined ? undefined : groupSize;
  }
  return base.type === 'Int8' ? base.int8.groupSize : base.int4.groupSize;
}

function requireGroups(linears: readonly Linear[], base: GroupedBase): void {
  const path = `spec.method.base.${fieldOf[base.type]}`;
  const instead = 'method.base: { type: Int8 }';
  requireWholeGroups(linears, { path, group: groupOf(base), instead });
}

const fieldOf = {
  NF4: 'nf4.blockSize',
  Int8: 'int8.groupSize',
  Int4: 'int4.groupSize',
  FakeQuantized: 'fakeQuantized.groupSize',
} as const;
