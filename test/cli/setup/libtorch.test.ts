import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ensureLibtorch, keepForCpu, keepForCuda, versionOf } from '../../../cli/setup/libtorch.ts';
import { torchVersion } from '../../../cli/setup/wheels.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aMachine, aSetup, breaks, says } from '../../doubles/machine.ts';

/** A folder that looks like libtorch of a version. */
async function fakeLibtorch(folder: string, version = torchVersion): Promise<void> {
  const header = join(folder, 'include/torch/headeronly/version.h');
  await mkdir(join(folder, 'lib'), { recursive: true });
  await mkdir(join(folder, 'include/ATen/core'), { recursive: true });
  await mkdir(join(header, '..'), { recursive: true });
  await writeFile(join(folder, 'lib/libtorch_cpu.so'), '');
  await writeFile(join(folder, 'include/ATen/core/Tensor.h'), '');
  await writeFile(
    header,
    `#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  "${version}"\n`,
  );
}

test('LIBTORCH is used in both of its layouts, and nothing is run for it', async (t) => {
  const { setup, folder, ran } = await aSetup(t);
  await fakeLibtorch(join(folder, 'site/torch'));
  const withEnv = (LIBTORCH: string) => ({
    ...setup,
    machine: aMachine({ env: { LIBTORCH } }, ran),
  });
  t.is(await ensureLibtorch(withEnv(join(folder, 'site'))), join(folder, 'site/torch'));
  t.is(await ensureLibtorch(withEnv(join(folder, 'site/torch'))), join(folder, 'site/torch'));
  t.deepEqual(ran, []);
});

test('a LIBTORCH of another version is refused with both versions', async (t) => {
  const { setup, folder } = await aSetup(t);
  await fakeLibtorch(folder, '2.6.0');
  const machine = aMachine({ env: { LIBTORCH: folder } });
  const error = await t.throwsAsync<AnnealError>(ensureLibtorch({ ...setup, machine }));
  t.is(
    error?.message,
    `LIBTORCH=${folder} is libtorch 2.6.0; it must be an unpacked libtorch ${torchVersion}`,
  );
  t.is(error?.hint, 'unset LIBTORCH to fetch it');
});

test('a LIBTORCH that is no libtorch is refused', async (t) => {
  const { setup, folder } = await aSetup(t);
  const machine = aMachine({ env: { LIBTORCH: folder } });
  const error = await t.throwsAsync<AnnealError>(ensureLibtorch({ ...setup, machine }));
  t.regex(error?.message ?? '', /has no lib\/libtorch_cpu\.so with its include folder/);
});

const wrong = [
  { platform: 'win32', arch: 'x64' },
  { platform: 'darwin', arch: 'x64' },
  { platform: 'linux', arch: 'riscv64' },
];
for (const { platform, arch } of wrong) {
  test(`${platform} on ${arch} is refused with the machines that work`, async (t) => {
    const { setup } = await aSetup(t);
    const machine = aMachine({ platform, arch });
    const error = await t.throwsAsync<AnnealError>(ensureLibtorch({ ...setup, machine }));
    t.is(error?.code, 'E_SETUP');
    t.is(
      error?.message,
      `this machine is ${platform} ${arch}; libtorch exists for Linux x64, Linux arm64 and macOS arm64`,
    );
  });
}

test('an installed torch of our version is used, and pip is asked only once', async (t) => {
  const double = await aSetup(t);
  const { folder, ran } = double;
  await fakeLibtorch(join(folder, 'site/torch'));
  const pip3 = (args: readonly string[]) =>
    says(args[0] === 'show' ? `Name: torch\nLocation: ${join(folder, 'site')}\n` : 'pip 24.0');
  const setup = { ...double.setup, machine: aMachine({ programs: { pip3 } }, ran) };
  t.is(await ensureLibtorch(setup), join(folder, 'site/torch'));
  t.is(await ensureLibtorch(setup), join(folder, 'site/torch'));
  t.is(ran.filter((line) => line.includes('show')).length, 1);
});

test('an installed torch of another version is not used', async (t) => {
  const double = await aSetup(t);
  await fakeLibtorch(join(double.folder, 'site/torch'), '2.14.1');
  const pip3 = (args: readonly string[]) => {
    if (args[0] === 'show') return says(`Location: ${join(double.folder, 'site')}`);
    return args[0] === 'download' ? breaks('ERROR: offline') : says('pip 24.0');
  };
  const setup = { ...double.setup, machine: aMachine({ programs: { pip3 } }) };
  await t.throwsAsync(ensureLibtorch(setup), {
    message: `pip did not fetch torch ${torchVersion}: offline`,
  });
});

test('a disk without room for libtorch is told before pip is asked to download', async (t) => {
  const pip3 = (args: readonly string[]) => (args[0] === 'show' ? breaks('') : says('pip 24.0'));
  const { setup, ran } = await aSetup(t, { free: 500e6, programs: { pip3 } });
  const error = await t.throwsAsync<AnnealError>(ensureLibtorch(setup));
  t.is(error?.code, 'E_NO_SPACE');
  t.false(ran.some((line) => line.includes('download')));
});

test('the version is read from the headers, and its absence is no crash', async (t) => {
  const { folder } = await aSetup(t);
  t.is(await versionOf(folder), 'of an unknown version');
  await fakeLibtorch(folder, '2.15.0');
  t.is(await versionOf(folder), '2.15.0');
});

test('for the CPU neither CUDA nor Python is unpacked', (t) => {
  const names = [
    ...['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1', 'libgfortran.so.5', 'libtorch_cuda.so'],
    ...['libtorch_cuda_linalg.so', 'libtorch_python.so', 'libtorch.so', 'libc10_cuda.so'],
    ...['libtorch_nvshmem.so', 'libshm.so', 'libtorch_global_deps.so', 'libcaffe2_nvrtc.so'],
  ];
  t.deepEqual(
    names.filter((name) => keepForCpu(`torch/lib/${name}`)),
    ['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1', 'libgfortran.so.5'],
  );
  t.true(keepForCpu('torch/include/ATen/core/Tensor.h'));
  t.true(keepForCpu('torch/lib/libomp.dylib'));
  t.true(keepForCpu('nvidia/cu13/lib/libcudart.so.13'));
  t.false(keepForCpu('nvidia/cu13/lib/libnvperf_host.so'));
  t.false(keepForCpu('torch/nn/functional.py'));
});

test('for CUDA the libraries of CUDA are unpacked and Python is not', (t) => {
  t.true(keepForCuda('torch/lib/libtorch_cuda.so'));
  t.true(keepForCuda('nvidia/cudnn/lib/libcudnn.so.9'));
  t.false(keepForCuda('torch/lib/libtorch_python.so'));
  t.false(keepForCuda('torch/nn/functional.py'));
});
