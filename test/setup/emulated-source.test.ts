import test from 'ava';
import { emulatedSource } from './emulated-source.ts';

test('a launch names its kernel, its arguments stay where they are, and so do lines', (t) => {
  const text = 'fill<Pair<int, 2>, T>\n    <<<blocks(1, 2), 32,\n       0, stream>>>(\n  a, b);\n';
  const found = emulatedSource(text);
  t.true(found.startsWith('::emulator::launch("fill<Pair<int, 2>, T>", '));
  t.true(found.endsWith(', blocks(1, 2), 32,\n       0, stream)(\n  a, b);\n'));
  t.regex(
    found,
    /\[&\]\(auto\.\.\. arguments\) \{ fill<Pair<int, 2>, T>\s+\(arguments\.\.\.\); \}/,
  );
});

test('each variable in shared memory is one of its block', (t) => {
  const found = emulatedSource('__shared__ float a[8], b;\n__shared__ S c[kRows][4];');
  const variable = (type: string, name: string) =>
    `auto& ${name} = ::emulator::shared_variable<${type}>([] {});`;
  t.is(
    found,
    `${variable('float[8]', 'a')} ${variable('float', 'b')}\n${variable('S[kRows][4]', 'c')}`,
  );
});

test('dynamic shared memory is what the launch gives', (t) => {
  t.is(
    emulatedSource('extern __shared__ __align__(16) unsigned char memory[];'),
    'unsigned char* memory = ::emulator::dynamic_shared();',
  );
});

test('what is no launch, or no variable, is told', (t) => {
  t.throws(() => emulatedSource('x = <<<1, 2>>>(3);'), { message: /a launch is not understood/ });
  t.throws(() => emulatedSource('__shared__ float a = 3;'), {
    message: /a shared variable is not understood: a = 3/,
  });
});
