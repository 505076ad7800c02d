import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { diagnosisText } from '../../../cli/commands/doctor/text.ts';
import { type DoctorFacts, doctor } from '../../../cli/doctor/diagnosis.ts';
import { torchVersion } from '../../../cli/setup/wheels.ts';
import { aMachine, type MachineDouble, says } from '../../doubles/machine.ts';

const tools: MachineDouble['programs'] = {
  cmake: () => says('cmake version 3.28.1'),
  'c++': () => says('c++ 13.2.0'),
  pip3: () => says('pip 24.0'),
};

interface Setting {
  readonly machine?: MachineDouble;
  readonly built?: boolean;
  readonly facts?: Partial<DoctorFacts>;
}

async function diagnosis(t: ExecutionContext, { machine = {}, built = true, facts }: Setting) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-doctor-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [cache, checkout] = [join(folder, 'cache'), join(folder, 'checkout')];
  await mkdir(join(cache, 'wheels'), { recursive: true });
  await writeFile(join(cache, 'wheels/one'), 'x'.repeat(3000));
  if (built) {
    await mkdir(join(cache, `libtorch-${torchVersion}-linux-x64`));
    await mkdir(join(checkout, 'worker/native/dist'), { recursive: true });
    await writeFile(join(checkout, 'worker/native/dist/anneal.node'), 'addon');
  }
  const found = await doctor({
    ...{ machine: aMachine({ free: 8 * 2 ** 30, ...machine }), cache, checkout },
    ...{ nodeVersion: '24.12.0', platform: 'linux', arch: 'x64', cores: 4, threads: undefined },
    ...{ totalBytes: 16 * 2 ** 30, freeBytes: 9 * 2 ** 30 },
    ...facts,
  });
  const state = (name: string) => found.checks.find((check) => check.name === name);
  const text = diagnosisText(found).replaceAll(folder, 'FOLDER');
  return { ...found, state, text: text.replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY') };
}

test('a machine that has everything is told in eight lines', async (t) => {
  const { healthy, text } = await diagnosis(t, { machine: { programs: tools } });
  t.true(healthy);
  t.snapshot(text);
});

test('once everything is built, a missing compiler or pip is no failure', async (t) => {
  const { healthy, state } = await diagnosis(t, {});
  t.true(healthy);
  t.is(state('C++ and CMake')?.state, 'Unused');
  t.is(state('pip')?.state, 'Unused');
});

test('a bare machine is told each thing that it lacks with its fix', async (t) => {
  const { healthy, checks, text } = await diagnosis(t, { built: false });
  t.false(healthy);
  t.snapshot(text);
  for (const { state, fix } of checks) t.is(fix !== undefined, state === 'Failed');
});

test('an old Node.js fails; little memory, little disk and too many threads only warn', async (t) => {
  const { healthy, state } = await diagnosis(t, {
    machine: { free: 2 ** 20 },
    facts: { nodeVersion: '24.11.1', threads: 8, freeBytes: 2 ** 30 },
  });
  t.false(healthy);
  t.is(state('Node.js')?.state, 'Failed');
  for (const name of ['memory', 'cache', 'processor']) t.is(state(name)?.state, 'Warning', name);
});

test('a LIBTORCH that is not there is told by its path', async (t) => {
  const { state } = await diagnosis(t, { machine: { env: { LIBTORCH: '/no/such/folder' } } });
  t.is(state('libtorch')?.observed, 'LIBTORCH is /no/such/folder, which is not there');
});
