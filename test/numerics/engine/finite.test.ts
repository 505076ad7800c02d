import test from 'ava';
import fc from 'fast-check';
import { requireFinite } from '../../../worker/engine/finite.ts';
import type { DType } from '../../../worker/tensor/dtype.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { tensor } from '../../../worker/tensor/tensor.ts';
import { aToyModel, type ToyModelOptions } from '../../builders/toy-training.ts';

const dtypes: readonly DType[] = ['float32', 'bfloat16', 'float16', 'float64'];
const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

for (const dtype of dtypes) {
  test(`one value of ${dtype} that is no number is found wherever it stands, and counted`, (t) => {
    const size = fc.integer({ min: 1, max: 300 });
    const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(size, place, fc.constantFrom(...odd), (count, at, value) =>
        scope(() => {
          const values = Float32Array.from({ length: 2 * count }, (_, i) => Math.sin(i));
          const good = ops.to(tensor(values, [2, count]), dtype);
          t.notThrows(() => requireFinite('model.norm.weight', good));
          values[Math.floor(at * values.length)] = value;
          const bad = ops.to(tensor(values, [2, count]), dtype);
          t.throws(() => requireFinite('model.norm.weight', bad), {
            code: 'E_INVALID_MODEL',
            message: `model.norm.weight has values that are not finite: 1 of ${2 * count} are NaN or infinite`,
          });
        }),
      ),
      { numRuns: 30 },
    );
  });
}

test('the greatest values that a type has are numbers', (t) => {
  scope(() => {
    const greatest = tensor(new Float32Array(1000).fill(3.4e38), [1000]);
    t.notThrows(() => requireFinite('a', greatest));
    t.notThrows(() => requireFinite('a', ops.to(ops.mulScalar(greatest, 0.99), 'bfloat16')));
  });
});

const broken = 'model.layers.0.self_attn.q_proj.weight';
const ways: readonly (readonly [what: string, options: ToyModelOptions, shared?: boolean])[] = [
  ['trains in its own type', {}],
  ['trains in bfloat16', { dtype: 'bfloat16' }],
  ['stays as it is', { trains: () => false }],
  ['trains as codes', { coded: true }],
  ['is shared out between workers', {}, true],
];

for (const [what, options, shared = false] of ways) {
  test(`a tensor with a NaN is refused by its name when it is loaded and ${what}`, (t) => {
    t.throws(() => aToyModel({ ...options, broken }, shared ? (all) => all : undefined), {
      code: 'E_INVALID_MODEL',
      message: /^model\.layers\.0\.self_attn\.q_proj\.weight has values that are not finite: 1 of/,
    });
  });
}
