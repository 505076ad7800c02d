import test from 'ava';
import { confirmOperators, made, operator, results } from '../../../worker/tensor/operator.ts';

test('operators with their own schemas are confirmed, and one of ours that is not built waits', (t) => {
  operator('aten::neg(Tensor self) -> Tensor');
  operator('anneal::never_written(Tensor self) -> Tensor');
  t.notThrows(confirmOperators);
});

test('operators that are not what they were are refused by name', (t) => {
  operator('aten::abs(Tensor self, int more) -> Tensor');
  operator('aten::never_written.Tensor(Tensor self) -> Tensor');
  t.throws(confirmOperators, {
    code: 'E_NATIVE_MISSING',
    message:
      'aten::abs, aten::never_written.Tensor changed in the loaded libraries since ops.generated.ts was printed',
  });
});

test('a result that is no tensor is refused where a tensor is promised', (t) => {
  t.throws(() => made(null), { message: /returned no tensor/ });
  t.throws(() => results(1), { message: /returned one result/ });
});
