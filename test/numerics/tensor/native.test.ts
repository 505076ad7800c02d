import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { native } from '../../../worker/tensor/native.ts';

const ops = new URL('../../../worker/tensor/ops.generated.ts', import.meta.url);
const tensors = new URL('../../../worker/tensor/tensor.ts', import.meta.url);

test('the addon loads in a worker thread with tensors of its own', async (t) => {
  const source = `
    const { parentPort } = require('node:worker_threads');
    Promise.all([import('${ops}'), import('${tensors}')]).then(([ops, { tensor, toArray }]) => {
      const x = ops.add(tensor([1, 2], [2]), tensor([3, 4], [2]));
      parentPort.postMessage(toArray(x));
    });`;
  const before = native.live();
  const answers = await Promise.all(
    [1, 2].map(
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(source, { eval: true });
          let answer: unknown;
          worker.on('message', (value) => {
            answer = value;
          });
          worker.on('error', reject);
          worker.on('exit', () => resolve(answer));
        }),
    ),
  );
  t.deepEqual(answers, [
    [4, 6],
    [4, 6],
  ]);
  t.is(native.live(), before);
});

test('an addon that is not there is a sentence with the way to build it', (t) => {
  const source = `import('${ops}').catch((error) => console.log(JSON.stringify([error.code, error.message, error.hint])))`;
  const printed = execFileSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '-e', source],
    {
      env: {
        ...process.env,
        ANNEAL_NATIVE: fileURLToPath(new URL('no-such.node', import.meta.url)),
      },
      encoding: 'utf8',
    },
  );
  const [code, message, hint] = JSON.parse(printed);
  t.is(code, 'E_NATIVE_MISSING');
  t.regex(message, /no-such\.node does not exist$/);
  t.regex(hint, /npm run native/);
});

test('an operator that no library has fails when it is called, by name', (t) => {
  const number = native.op('anneal::never_written', '');
  t.throws(() => native.call(number), {
    message:
      'anneal::never_written: is not an operator of the loaded libraries; npm run native builds ours',
  });
});

test('wrong values are refused by the name of the argument', (t) => {
  const add = native.op('aten::add', 'Tensor');
  const x = native.fromBytes(new Uint8Array(4), [1], 6, 6);
  for (const [values, message] of [
    [[], "aten::add.Tensor: argument 'self': missing"],
    [[x, 'text'], "aten::add.Tensor: argument 'other': expected a tensor"],
    [[x, null], "aten::add.Tensor: argument 'other': null is not allowed"],
    [[x, 0], "aten::add.Tensor: argument 'other': this tensor was released"],
    [[x, -1], "aten::add.Tensor: argument 'other': this tensor was released"],
    [[x, 2 ** 31 - 1], "aten::add.Tensor: argument 'other': this tensor was released"],
    [[x, x, {}], "aten::add.Tensor: argument 'alpha': expected an integer"],
    [[x, x, 1, 1], 'aten::add.Tensor: takes 3 arguments, not 4'],
  ] as const) {
    t.throws(() => native.call(add, ...values), { message });
  }
  native.release(x);
});

test('ending a scope that nobody began is a sentence', (t) => {
  t.throws(() => native.scopeEnd(), { message: 'no scope is open' });
});

test('the number of threads is set and read', (t) => {
  const before = native.threads();
  native.setThreads(1);
  t.is(native.threads(), 1);
  native.setThreads(before);
  t.throws(() => native.setThreads(0), {
    message: 'the number of threads is 0; it must be 1 or more',
  });
});
