import test from 'ava';
import { printFunction } from '../../../worker/tensor/print-function.ts';
import { parseSchema } from '../../../worker/tensor/schema.ts';

function print(name: string, schema: string): string {
  return printFunction(name, schema, parseSchema(schema));
}

test('options stand in one object that may be left out when all have defaults', (t) => {
  t.is(
    print('add', 'aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor'),
    `const $add = operator('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor');
export function add(self: Tensor, other: Tensor, options: { readonly alpha?: Scalar | undefined } = {}): Tensor {
  return made(call($add, self.handle, other.handle, options.alpha));
}
`,
  );
});

test('what writes its argument returns that argument', (t) => {
  const text = print('zero_', 'aten::zero_(Tensor(a!) self) -> Tensor(a!)');
  t.true(text.includes('call($zero_, self.handle);\n  return self;'));
});

test('several results become a tuple with their names', (t) => {
  const text = print('qr', 'aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)');
  t.true(text.includes('qr(A: Tensor, mode?: string): [Q: Tensor, R: Tensor] {'));
  t.true(text.includes('return [made(made0), made(made1)];'));
});

test('layout, pinning and memory format are left at their defaults', (t) => {
  const text = print(
    'empty',
    'aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor',
  );
  t.true(
    text.includes(
      'options: { readonly dtype?: DType | null | undefined; readonly device?: Device | null | undefined } = {}',
    ),
  );
  t.true(
    text.includes(
      'call($empty, size, options.dtype && dtypeCode(options.dtype), undefined, options.device)',
    ),
  );
});

test('nothing can be left out in front of options that must be given', (t) => {
  const text = print(
    'step_',
    'anneal::step_(Tensor(a!) p, Tensor? master=None, *, float lr) -> ()',
  );
  t.true(
    text.includes(
      'step_(p: Tensor, master: Tensor | null | undefined, options: { readonly lr: number }): void {',
    ),
  );
});

test('a type without a TypeScript form is refused by name', (t) => {
  t.throws(() => print('f', 'aten::f(Storage s) -> Tensor'), {
    message: 'Storage has no TypeScript type',
  });
});
