// Gradients of tables whose rows are read: a row sums those of many tokens, so never in 16 bits.
import type { Parameter } from '../engine/parameters.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';

export function tableGradients(tables: readonly Parameter[]) {
  const found = new Map(
    tables.map((parameter) => {
      const { name, shape, value } = parameter;
      return [name, { parameter, value: ops.zeros(shape, { dtype: exactType(value.dtype) }) }];
    }),
  );
  return {
    of: (name: string): Tensor | null => found.get(name)?.value ?? null,
    /** The gradient `[tokens, H]` of the sum of rows that were read; a frozen table takes none. */
    add(g: Tensor, read: Iterable<readonly [name: string, rows: Tensor]>): void {
      for (const [name, rows] of read) {
        const into = found.get(name)?.value;
        if (into !== undefined) ops.indexAdd_(into, 0, rows, ops.to(g, into.dtype));
      }
    },
    finish: () => [...found.values()],
  };
}
