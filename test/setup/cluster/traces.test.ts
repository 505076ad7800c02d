import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import test from 'ava';
import { execa } from 'execa';
import { endProcesses, leftAtLast, leftSince, type Mark, tracesOf } from './traces.ts';

const isLinux = process.platform === 'linux' ? test : test.skip;

test('what was there before is not left', (t) => {
  const before = ['interface eth0', 'mount /'];
  t.deepEqual(leftSince(before, ['mount /', 'interface eth0']), []);
  t.deepEqual(leftSince(before, ['mount /run/x', 'mount /']), ['mount /run/x']);
  t.deepEqual(leftSince(before, ['mount /']), [], 'what went meanwhile was not ours');
});

test('what is on its way out is waited for', async (t) => {
  const looks = [['mount /a', 'mount /b'], ['mount /a'], []];
  t.deepEqual(await leftAtLast([], async () => looks.shift() ?? []), []);
  t.is(looks.length, 0);
});

isLinux('a process that a marked process started is found, and can be ended', async (t) => {
  const mark: Mark = { name: 'ANNEAL_TEST_RUN', value: randomUUID() };
  const env = { [mark.name]: mark.value };
  const before = await tracesOf(mark, undefined);
  t.true(before.some((line) => line.startsWith('mount ')));
  t.false(before.some((line) => line.startsWith('process ')));
  const child = execa('sh', ['-c', 'sleep 600 & echo started; wait'], { env, reject: false });
  await once(child.stdout, 'data');
  const left = leftSince(before, await tracesOf(mark, undefined));
  const names = left.filter((line) => line.startsWith('process '));
  t.true(
    names.some((line) => line.endsWith(' sleep 600 ')),
    left.join('\n'),
  );
  endProcesses(left);
  await child;
  const after = async () =>
    (await tracesOf(mark, undefined)).filter((l) => l.startsWith('process'));
  t.deepEqual(await leftAtLast([], after), []);
});
