import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { diagnosisText } from '../../../cli/commands/doctor/text.ts';
import { type DoctorFacts, doctor } from '../../../cli/doctor/diagnosis.ts';
import { torchVersion } from '../../../cli/setup/wheels.ts';
import { aMachine, type MachineDouble, says } from '../../doubles/machine.ts';
import { cardLine } from '../../doubles/nvidia-smi.ts';

const tools: MachineDouble['programs'] = {
  cmake: () => says('cmake version 3.28.1'),
  'c++': () => says('c++ 13.2.0'),
  pip3: () => says('pip 24.0'),
};

interface Setting {
  readonly machine?: MachineDouble;
  readonly built?: boolean;
  /** CUDA kernels beside the addon. */
  readonly kernels?: boolean;
  readonly facts?: Partial<DoctorFacts>;
}

async function diagnosis(
  t: ExecutionContext,
  { machine = {}, built = true, kernels = false, facts }: Setting,
) {
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
  if (kernels) {
    await writeFile(join(checkout, 'worker/native/dist/libanneal_kernels_cuda.so'), 'kernels');
  }
  const found = await doctor({
    ...{ machine: aMachine({ free: 8 * 2 ** 30, ...machine }), cache, checkout },
    ...{ nodeVersion: '24.12.0', platform: 'linux', arch: 'x64', cores: 4, threads: undefined },
    ...{ totalBytes: 16 * 2 ** 30, freeBytes: 9 * 2 ** 30 },
    ...facts,
  });
  const state = (name: string) => found.checks.find((check) => check.name === name);
  // Lines are wrapped: the folder must be as long on each machine.
  const checks = found.checks.map(({ observed, ...check }) => ({
    ...check,
    observed: observed.replaceAll(folder, 'FOLDER'),
  }));
  const text = diagnosisText({ ...found, checks });
  return { ...found, state, text: text.replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY') };
}

test('a machine that has everything but devices is told in nine lines', async (t) => {
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
  t.true(text.split('\n').every((line) => line.length <= 80));
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

const cards = [cardLine(), cardLine({ index: 1, mig: 'Enabled' })];
const nvidia = () => says(`${cards.join('\n')}\n`);

test('a machine with devices is told its driver, each card, the kernels, and what would train', async (t) => {
  const programs = { ...tools, 'nvidia-smi': nvidia };
  const { healthy, text } = await diagnosis(t, { machine: { programs }, kernels: true });
  t.true(healthy);
  t.snapshot(text);
  t.true(text.split('\n').every((line) => line.length <= 80));
});

test('without kernels, or with cards that they do not run on, jobs train on the processor', async (t) => {
  const bare = await diagnosis(t, { machine: { programs: { ...tools, 'nvidia-smi': nvidia } } });
  t.true(bare.healthy);
  t.is(bare.state('CUDA kernels')?.state, 'Warning');
  t.is(bare.state('CUDA toolkit')?.state, 'Warning');
  t.is(bare.state('training')?.observed, 'on the processor, whatever a job asks for');
  const old = () => says(cardLine({ driver: '535.104.05' }));
  const { state } = await diagnosis(t, {
    ...{ machine: { programs: { ...tools, 'nvidia-smi': old } }, kernels: true },
  });
  t.is(state('cuda:0')?.state, 'Warning');
  t.regex(state('cuda:0')?.fix ?? '', /has driver 535\.104\.05; CUDA 13 needs 580 or newer/);
  t.is(state('training')?.state, 'Warning');
});

test('NCCL is told by its version and place, or what devices do without it', async (t) => {
  const asked: string[] = [];
  const found = {
    ldd: () => says('\tlibnccl.so.2 => /opt/nccl/lib/libnccl.so.2 (0x00007f)\n'),
    grep: (args: readonly string[]) => {
      asked.push(args.at(-1) ?? '');
      return says('NCCL version 2.30.7\n');
    },
  };
  const nccl = async (more: object, env = {}) => {
    const programs = { ...tools, 'nvidia-smi': nvidia, ...more };
    const { state } = await diagnosis(t, { machine: { programs, env }, kernels: true });
    return state('NCCL');
  };
  t.like(await nccl(found), { state: 'Passed', observed: '2.30.7 in /opt/nccl/lib' });
  t.deepEqual(asked, ['/opt/nccl/lib/libnccl.so.2']);
  t.regex((await nccl({}))?.observed ?? '', /^not found; devices .* exchange through the host$/);
  t.regex((await nccl(found, { USE_NCCL: '0' }))?.observed ?? '', /^USE_NCCL is 0; devices/);
});

test('the toolkit is told by its version where it is there', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-toolkit-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'bin'));
  const nvcc = join(folder, 'bin/nvcc');
  await writeFile(nvcc, '');
  const told = () => says('Cuda compilation tools, release 13.0, V13.0.88\n');
  const programs = { ...tools, 'nvidia-smi': nvidia, [nvcc]: told };
  const env = { CUDA_HOME: folder };
  const { state } = await diagnosis(t, { machine: { programs, env }, kernels: true });
  t.like(state('CUDA toolkit'), { state: 'Passed', observed: `13.0 in ${folder}` });
});
