// `npm run gpu:verify` on the emulated device: each step works, a step that fails is told, and a
// machine without a device gets a sentence.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { temporaryFolder } from '../doubles/sources.ts';
import { tableOf, verification } from './verify/result.ts';
import { runStep } from './verify/run-step.ts';

const entry = join(import.meta.dirname, 'verify/main.ts');

test.serial('each step passes on the emulated device, as far as it can', async (t) => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, 'result.json');
  const flags = ['--emulated', '--sample', '--out', out];
  const ran = await execa(process.execPath, [entry, ...flags], { reject: false });
  t.is(ran.exitCode, 0, `${ran.stdout}\n${ran.stderr}`);
  const { device, steps } = verification.parse(JSON.parse(await readFile(out, 'utf8')));
  t.true(device.isEmulated);
  t.deepEqual(
    steps.map(({ name, outcome }) => [name, outcome]),
    [
      ['kernels', 'Passed'],
      ['sanitizer', 'LeftOut'],
      ['libraries', 'Passed'],
      ['training', 'Passed'],
      ['speed', 'Passed'],
      ['faults', 'Passed'],
    ],
  );
  // What only a GPU can show is named.
  t.deepEqual(
    steps.flatMap(({ leftOut }) => leftOut.map((words) => words.split(':')[0])),
    ['compute-sanitizer', '_scaled_mm of e4m3', 'assert of a kernel'],
  );
  t.regex(ran.stdout, /^Verified on the emulated device \(Anneal .*\), \d{4}-\d\d-\d\d:$/m);
  t.regex(ran.stdout, /^\| lora: largest gap of a loss \| \S+ \| relative \|$/m);
});

test.serial(
  'without a device there is a sentence, and so for a step that does not exist',
  async (t) => {
    const [node] = [process.execPath];
    const without = await execa(node, [entry], { reject: false, env: { PATH: '/nowhere' } });
    t.is(without.exitCode, 2);
    t.regex(
      without.stderr,
      /^gpu:verify needs a CUDA device, and this machine has none \(nvidia-smi /,
    );
    const unknown = await execa(node, [entry, '--steps', 'nope'], { reject: false });
    t.is(unknown.exitCode, 2);
    t.regex(unknown.stderr, /^--steps has nope; there are kernels, sanitizer, libraries, /);
  },
);

test.serial('a step that throws, is late, or has no time left is told as such', async (t) => {
  await using folder = await temporaryFolder();
  const { signal } = new AbortController();
  // Without the emulated device the operators have no device.
  const own = { scratch: folder.path, flags: [], variables: { CUDA_VISIBLE_DEVICES: '' }, signal };
  const threw = await runStep('libraries', { ...own, until: performance.now() + 60_000 });
  t.is(threw.outcome, 'Failed');
  t.regex(threw.failures[0] ?? '', /^ended without a result: .*CUDA/s);
  const late = await runStep('libraries', { ...own, until: performance.now() + 30 });
  t.deepEqual(late.failures, ['not done within 0 s']);
  const never = await runStep('libraries', { ...own, until: performance.now() });
  t.is(never.outcome, 'LeftOut');
  t.deepEqual(never.leftOut, ['the time for all steps was over']);
});

test('a table has each figure, and what failed', (t) => {
  const device = { name: 'NVIDIA H100', driver: '580.1', capability: '9.0', isEmulated: false };
  const step = {
    ...{ name: 'speed', title: 'speed', seconds: 12.4, outcome: 'Failed' as const },
    figures: [
      { name: 'a', value: 144_000, unit: 'tokens/s' },
      { name: 'b', value: 0.000_12, unit: 'relative' },
    ],
    failures: ['a | b\nbroke'],
    leftOut: ['no profiler'],
  };
  const began = '2026-12-06T12:00:00Z';
  const parts = { version: 1, began, anneal: '0.1.0', libtorch: '2.15.0', device } as const;
  t.is(
    tableOf({ ...parts, steps: [step] }),
    `Verified on NVIDIA H100 (Anneal 0.1.0, libtorch 2.15.0, driver 580.1), 2026-12-06:

| what | result | |
| --- | --- | --- |
| speed | **failed** | 12 s |
| a | 144000 | tokens/s |
| b | 1.2e-4 | relative |
| a \\| b broke | **failed** | |
| no profiler | left out | |
`,
  );
});
