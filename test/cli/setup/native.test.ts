import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { buildError, ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { torchVersion } from '../../../cli/setup/wheels.ts';
import type { AnnealError } from '../../../crds/failures/errors.ts';
import { aMachine, aSetup, breaks, type Program, says } from '../../doubles/machine.ts';

const cxx: Program = (args) => says(args.includes('--version') ? 'g++ 12.2.0' : '');

/** A CMake that "compiles" by writing the text of the source into the addon. */
function fakeCmake(checkout: string): Program {
  let out = '';
  return async (args) => {
    if (args[0] === '--version') return says('cmake version 3.25.1');
    const given = args.find((arg) => arg.startsWith('-DANNEAL_OUT='));
    if (given) out = given.slice('-DANNEAL_OUT='.length);
    if (args[0] === '--build') {
      await mkdir(out, { recursive: true });
      const source = await readFile(join(checkout, 'worker/native/addon/a.cc'), 'utf8');
      await writeFile(join(out, 'anneal.node'), `compiled ${source}`);
    }
    return says('');
  };
}

async function aCheckout(t: ExecutionContext) {
  const double = await aSetup(t);
  const checkout = join(double.folder, 'checkout');
  await mkdir(join(checkout, 'worker/native/addon'), { recursive: true });
  await writeFile(join(checkout, 'worker/native/addon/a.cc'), 'int a;');
  await mkdir(join(double.setup.cache.root, `libtorch-${torchVersion}-linux-x64`), {
    recursive: true,
  });
  const withCmake = (cmake: Program): Setup => ({
    ...double.setup,
    machine: aMachine({ programs: { cmake, 'c++': cxx } }, double.ran),
  });
  const builds = () => double.ran.filter((line) => line.startsWith('cmake --build')).length;
  return { ...double, checkout, withCmake, builds, setup: withCmake(fakeCmake(checkout)) };
}

test('the addon is built once, put into dist, and not touched while nothing changes', async (t) => {
  const { setup, checkout, builds, ran } = await aCheckout(t);
  const dist = await ensureNative(setup, checkout);
  t.is(dist, join(checkout, 'worker/native/dist'));
  t.is(await readFile(join(dist, 'anneal.node'), 'utf8'), 'compiled int a;');
  const commands = ran.length;
  await ensureNative(setup, checkout);
  t.is(builds(), 1);
  t.is(ran.length, commands, 'a warm start runs no program at all');
});

test('an edited source is compiled again; the way back comes from the cache', async (t) => {
  const { setup, checkout, builds } = await aCheckout(t);
  const dist = await ensureNative(setup, checkout);
  const source = join(checkout, 'worker/native/addon/a.cc');
  await writeFile(source, 'int b;');
  await ensureNative(setup, checkout);
  t.is(await readFile(join(dist, 'anneal.node'), 'utf8'), 'compiled int b;');
  t.is(builds(), 2);
  await writeFile(source, 'int a;');
  await ensureNative(setup, checkout);
  t.is(await readFile(join(dist, 'anneal.node'), 'utf8'), 'compiled int a;');
  t.is(builds(), 2);
});

test('an edited CUDA source is compiled again where a toolkit compiles it, and nowhere else', async (t) => {
  const { setup, checkout, builds, folder } = await aCheckout(t);
  const source = join(checkout, 'worker/native/addon/a.cu');
  const header = join(checkout, 'worker/native/addon/a.cuh');
  const toolkit = join(folder, 'cuda');
  await mkdir(join(toolkit, 'bin'), { recursive: true });
  await writeFile(join(toolkit, 'bin/nvcc'), '');
  await mkdir(join(setup.cache.root, `libtorch-${torchVersion}-linux-x64-cuda`));
  const env = { ANNEAL_CUDA: '1', CUDA_HOME: toolkit };
  const onGpu = { ...setup, machine: { ...setup.machine, env } };
  for (const [built, each] of [
    [onGpu, [1, 2, 3]],
    [setup, [4, 4, 4]],
  ] as const) {
    await writeFile(source, 'int a;');
    await writeFile(header, 'int a;');
    await ensureNative(built, checkout);
    t.is(builds(), each[0]);
    await writeFile(source, 'int b;');
    await ensureNative(built, checkout);
    t.is(builds(), each[1]);
    await writeFile(header, 'int b;');
    await ensureNative(built, checkout);
    t.is(builds(), each[2]);
  }
});

test('a source that does not compile is told by the line of the compiler', async (t) => {
  const { checkout, withCmake } = await aCheckout(t);
  const line = "kernels/rope/rope.cc:12:3: error: 'foo' was not declared in this scope";
  const cmake: Program = (args) => {
    if (args[0] === '--version') return says('cmake version 3.25.1');
    return args[0] === '--build' ? breaks(`[ 12%] Building\n${line}\nmake: *** [all]`) : says('');
  };
  const error = await t.throwsAsync<AnnealError>(ensureNative(withCmake(cmake), checkout));
  t.is(error?.message, `worker/native does not build: ${line}`);
  t.regex(error?.hint ?? '', /^run it directly for the whole output: cmake --build /);
  t.false(existsSync(join(checkout, 'worker/native/dist/anneal.node')));
});

test('an edit during the build is not kept under the key of the text before it', async (t) => {
  const { checkout, withCmake } = await aCheckout(t);
  const inner = fakeCmake(checkout);
  const cmake: Program = async (args, options) => {
    const ran = await inner(args, options);
    const source = join(checkout, 'worker/native/addon/a.cc');
    if (args[0] === '--build') await writeFile(source, 'int late;');
    return ran;
  };
  await t.throwsAsync(ensureNative(withCmake(cmake), checkout), {
    message: 'worker/native was edited during the build',
  });
});

test('the cause of a failed build is found in what CMake and compilers print', (t) => {
  const cmake = 'CMake Error at CMakeLists.txt:38 (message):\n  ANNEAL_LIBTORCH is empty\n';
  t.is(buildError(breaks(cmake)), 'ANNEAL_LIBTORCH is empty');
  const link = 'x.o: undefined reference to `anneal::f()`\ncollect2: error: ld returned 1';
  t.regex(buildError(breaks(link)), /undefined reference/);
  t.regex(buildError(breaks('g++: fatal error: Killed signal terminated')), /Killed/);
  t.is(buildError(breaks('')), 'CMake printed nothing');
});

test('with ANNEAL_CUDA=1 the kernels are compiled by the toolkit named, and without one there is a sentence', async (t) => {
  const { setup, checkout, folder, ran } = await aCheckout(t);
  const toolkit = join(folder, 'toolkit');
  const env = { ANNEAL_CUDA: '1', CUDA_HOME: toolkit };
  const withCuda = { ...setup, machine: { ...setup.machine, env } };
  await mkdir(join(setup.cache.root, `libtorch-${torchVersion}-linux-x64-cuda`));
  await t.throwsAsync(ensureNative(withCuda, checkout), {
    message: `ANNEAL_CUDA is 1, and ${toolkit}/bin/nvcc does not exist`,
  });
  await mkdir(join(toolkit, 'bin'), { recursive: true });
  await writeFile(join(toolkit, 'bin/nvcc'), '');
  await ensureNative(withCuda, checkout);
  t.true(ran.some((line) => line.includes(`-DANNEAL_CUDA=${toolkit} `)));
});
