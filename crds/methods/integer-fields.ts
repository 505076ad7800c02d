// The fields of a grid of integers, for weights that train on one or are quantized to one.
import * as z from 'zod';
import { rule } from '../schema/rule.ts';
import { groupSize } from './group-size.ts';

const widths = [2, 3, 4, 8] as const;

/** `path` names their rules, as `method.base: fakeQuantized`. */
export function integerFields(path: string) {
  return {
    bits: rule(z.int32().min(2).max(8), {
      id: `${path}.bits is a width of integers`,
      cel: `self in [${widths.join(', ')}]`,
      check: (self) => widths.some((width) => width === self),
      message: 'must be 2, 3, 4 or 8',
    })
      .default(4)
      .describe('Bits of an integer: 2, 3, 4 or 8.'),
    strategy: z
      .enum(['Group', 'Channel'])
      .default('Group')
      .describe('What shares a scale: a group of a row, or the whole row.'),
    groupSize: groupSize(`${path}.groupSize`)
      .default(64)
      .describe(
        'Adjacent weights of a row that share a scale; must divide the inputs of each layer. With the strategy Group.',
      ),
    range: z
      .enum(['Asymmetric', 'Symmetric'])
      .default('Asymmetric')
      .describe(
        'Asymmetric: from the minimum to the maximum, with a zero point. Symmetric: zero in the middle.',
      ),
  } as const;
}
