import test from 'ava';
import { parseSchema, type SchemaType } from '../../../worker/tensor/schema.ts';

const plain = { list: false, optional: false, optionalElement: false, writes: undefined };

function type(base: string, facts: Partial<SchemaType> = {}): SchemaType {
  return { base, ...plain, ...facts };
}

test('an operator is read into its name, its parameters and its results', (t) => {
  t.deepEqual(
    parseSchema('aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor'),
    {
      name: 'aten::add',
      overload: 'Tensor',
      parameters: [
        { name: 'self', type: type('Tensor'), hasDefault: false, named: false },
        { name: 'other', type: type('Tensor'), hasDefault: false, named: false },
        { name: 'alpha', type: type('Scalar'), hasDefault: true, named: true },
      ],
      results: [{ name: '', type: type('Tensor') }],
    },
  );
});

test('several results keep their names', (t) => {
  const { results } = parseSchema(
    'aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)',
  );
  t.deepEqual(
    results.map((result) => result.name),
    ['Q', 'R'],
  );
});

test('no result is an empty list', (t) => {
  t.deepEqual(parseSchema('anneal::f(Tensor(a!) self) -> ()').results, []);
});

test('memory that is written is known by its letter', (t) => {
  const { parameters, results } = parseSchema(
    'aten::add_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)',
  );
  t.is(parameters[0]?.type.writes, 'a');
  t.is(parameters[1]?.type.writes, undefined);
  t.is(results[0]?.type.writes, 'a');
});

test('a view is not written', (t) => {
  t.is(parseSchema('aten::t(Tensor(a) self) -> Tensor(a)').results[0]?.type.writes, undefined);
});

for (const [text, expected] of [
  ['int[1]? dim=None', type('int', { list: true, optional: true })],
  ['SymInt[] size', type('SymInt', { list: true })],
  ['Tensor?[] indices', type('Tensor', { list: true, optionalElement: true })],
  ['Tensor(a!)[] self', type('Tensor', { list: true, writes: 'a' })],
  ['Tensor(a -> *) self', type('Tensor')],
  ['ScalarType? dtype=None', type('ScalarType', { optional: true })],
] as const) {
  test(`the type of '${text}' is read`, (t) => {
    t.deepEqual(parseSchema(`aten::f(${text}) -> Tensor`).parameters[0]?.type, expected);
  });
}

test('commas and brackets inside a default do not split parameters', (t) => {
  const { parameters } = parseSchema(
    'aten::f(int[2] stride=[1, 1], str a="x, (y", bool b=False) -> Tensor',
  );
  t.deepEqual(
    parameters.map((parameter) => parameter.name),
    ['stride', 'a', 'b'],
  );
});

test('what is not an operator is refused with its text', (t) => {
  t.throws(() => parseSchema('nothing'), { message: "'nothing' is not the text of an operator" });
});
