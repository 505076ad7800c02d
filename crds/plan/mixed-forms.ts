// The forms of which a mix chooses one for each matrix, and its budget.
import { UserError } from '../failures/errors.ts';
import type { Linear } from '../methods/linears.ts';
import { type GroupedBase, groupOf, mapBytes, sectionsOf } from './quantized-matrix.ts';

export type MixedForm = Extract<GroupedBase, { type: 'Integer' | 'NF4' | 'Int8' }>;

const groups = [32, 64, 128] as const;
const [nearest, range] = [0, 'Asymmetric'] as const;

const allForms: readonly MixedForm[] = groups.flatMap((groupSize): readonly MixedForm[] => [
  { type: 'Integer', integer: { bits: 2, groupSize, range, calibrationSequences: nearest } },
  { type: 'Integer', integer: { bits: 3, groupSize, range, calibrationSequences: nearest } },
  { type: 'NF4', nf4: { blockSize: groupSize, scales: 'DoubleQuantized' } },
  { type: 'Int8', int8: { groupSize } },
]);

/** Those whose groups are whole in each row. */
export function formsOf({ in: inputs }: Pick<Linear, 'in'>): readonly MixedForm[] {
  return allForms.filter((form) => inputs % (groupOf(form) ?? 1) === 0);
}

/** `Int2 in groups of 64`. */
export function formInWords(form: MixedForm): string {
  const name = form.type === 'Integer' ? `Int${form.integer.bits}` : form.type;
  return `${name} in groups of ${groupOf(form)}`;
}

/** Of codes and scales; the map of double quantization is the same for all, and left out. */
export function formBits(sizes: Pick<Linear, 'in' | 'out'>, form: MixedForm): number {
  const bytes = sectionsOf(sizes, form).reduce((sum, section) => sum + section, 0);
  return 8 * (form.type === 'NF4' ? bytes - mapBytes : bytes);
}

type Sized = Pick<Linear, 'name' | 'in' | 'out'>;

/** In bits, for these layers; a budget below the smallest forms is refused. */
export function mixedBudget(linears: readonly Sized[], averageBits: string): number {
  const values = linears.reduce((sum, linear) => sum + linear.out * linear.in, 0);
  const least = linears.reduce((sum, linear) => sum + leastBits(linear), 0);
  const budget = Number(averageBits) * values;
  if (least <= budget) return budget;
  const path = 'spec.method.base.mixed.averageBits';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${averageBits}; with scales, this model has ${(Math.ceil((1000 * least) / values) / 1000).toFixed(3)} bits a weight at least`,
    path,
    value: averageBits,
    hint: 'write a larger one, such as 2.75',
  });
}

function leastBits(linear: Sized): number {
  const sizes = formsOf(linear).map((form) => formBits(linear, form));
  if (sizes.length > 0) return Math.min(...sizes);
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `spec.method.base is Mixed, whose forms have groups of 32 at least; ${linear.name} of this model has ${linear.in} inputs`,
    path: 'spec.method.base.type',
    value: 'Mixed',
    hint: 'write method.base: { type: Int8 }',
  });
}
