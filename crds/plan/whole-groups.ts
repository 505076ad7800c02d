// Groups of weights never cross a row, so their size divides the inputs of each layer.
import { UserError } from '../failures/errors.ts';
import { groupSizes } from '../methods/group-size.ts';
import type { Linear } from '../methods/linears.ts';
import { type IntegerForm, isIntegerForm, type resultFolder } from '../names/result-folders.ts';

interface Groups {
  /** Of the field that has the size. */
  readonly path: string;
  /** Undefined: a whole row. */
  readonly group: number | undefined;
  /** What has a scale for each row instead. */
  readonly instead: string;
}

export function requireWholeGroups(
  linears: readonly Linear[],
  { path, group, instead }: Groups,
): void {
  const uneven = linears.find((linear) => group !== undefined && linear.in % group !== 0);
  if (group === undefined || uneven === undefined) return;
  const fitting = groupSizes.filter((size) => linears.every((linear) => linear.in % size === 0));
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${group}; it must divide the inputs of each linear layer, and ${uneven.name} of this model has ${uneven.in}`,
    path,
    value: group,
    hint:
      fitting.length === 0
        ? `no size divides all layers of this model; ${instead} has a scale for each row instead`
        : `${fitting.at(-1)} divides all of them`,
  });
}

/** What the layouts pack along: GPTQ inputs, and outputs in its zero points; AWQ outputs alone. */
const wholeWords: Record<IntegerForm, Partial<Record<'in' | 'out', number>>> = {
  CompressedTensors: {},
  GPTQ: { in: 32, out: 32 },
  AWQ: { out: 8 },
};

/** Words of these layouts hold no part of a second row. */
export function requireWholeWords(
  linears: readonly Linear[],
  formats: readonly (keyof typeof resultFolder)[],
): void {
  for (const form of formats.filter(isIntegerForm)) {
    for (const [side, size = 1] of Object.entries(wholeWords[form]) as ['in' | 'out', number][]) {
      const uneven = linears.find((linear) => linear[side] % size !== 0);
      if (uneven === undefined) continue;
      const what = side === 'in' ? 'inputs' : 'outputs';
      throw new UserError({
        code: 'E_INVALID_SPEC',
        message: `spec.output.formats has ${form}, whose words hold ${what} in multiples of ${size}; ${uneven.name} of this model has ${uneven[side]}`,
        path: 'spec.output.formats',
        value: form,
        hint: 'ask for CompressedTensors, which has no such rule',
      });
    }
  }
}
