// Bytes of the quantized linear layers of a block.
import { quantizedBases } from '../methods/coded.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { mixedBudget } from './mixed-forms.ts';
import type { ModelFacts } from './model-facts.ts';
import { type Linear, linearsOf } from './parameters.ts';
import { type GroupedBase, groupOf, matrixBytes } from './quantized-matrix.ts';
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
export function quantizedBlock(facts: ModelFacts, { base }: ResolvedMethod): QuantizedBlock {
  if (!isInGroups(base)) return { values: 0, bytes: 0 };
  const linears = linearsOf(facts);
  if (base.type === 'Mixed') mixedBudget(linears, base.mixed.averageBits);
  requireGroups(linears, base);
  if (!storesFrozen(base)) return { values: 0, bytes: 0 };
  return {
    values: linears.reduce((sum, { out, in: inputs }) => sum + out * inputs, 0),
    bytes: linears.reduce((sum, linear) => sum + matrixBytes(linear, base), 0),
  };
}

type Base = ResolvedMethod['base'];

function isInGroups(base: Base): base is GroupedBase {
  return !['Dense', 'Codebook', 'AdaPT'].includes(base.type);
}

/** Whether frozen matrices are stored in fewer bits. */
export function storesFrozen(base: Base): base is GroupedBase {
  return quantizedBases.includes(base.type) || storesIntegers(base);
}

/** Whether fixed integers are stored packed. */
export function storesIntegers(base: Base): boolean {
  if (base.type !== 'FakeQuantized') return false;
  const { trains, bits, strategy } = base.fakeQuantized;
  return trains === 'Scales' && bits <= 4 && strategy === 'Group';
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
  Integer: 'integer.groupSize',
  Mixed: 'mixed.averageBits',
  FakeQuantized: 'fakeQuantized.groupSize',
} as const;
