// Groups of weights never cross a row, so their size divides the inputs of each layer.
import { UserError } from '../failures/errors.ts';
import { groupSizes } from '../methods/group-size.ts';
import type { Linear } from '../methods/linears.ts';

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
