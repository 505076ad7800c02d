// The libraries that libtorch's CUDA part opens while it runs are those that an image is given: all
// names of libraries in its text are linked, opened by a rule, or of the driver.
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { openedBy } from '../../charts/images/libraries.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { ensurePeers, torchLibOf } from '../setup/peers.ts';

/** Named, and not opened in what we do: adapters of networks, which NVSHMEM and Gloo look for. */
const unused = new Set(['libibverbs.so.1']);
const driver = new Set(['libcuda.so.1', 'libnvidia-ml.so.1']);

test('every library that libtorch_cuda names gets into an image', async (t) => {
  const setup = thisSetup(new AbortController().signal);
  const lib = await torchLibOf(setup, await ensurePeers(setup));
  const library = 'libtorch_cuda.so';
  const path = join(lib, library);
  const linked = (await execa('objdump', ['-p', path])).stdout.matchAll(/NEEDED\s+(\S+)/g);
  const reached = new Set([library, ...[...linked].map(([, name = '']) => name)]);
  const { stdout } = await execa('grep', ['-aoE', 'lib[A-Za-z0-9_+-]+\\.so(\\.[0-9]+)*', path]);
  const named = new Set(stdout.split('\n'));
  const opened = openedBy(library, [...named]);
  const left = [...named].filter(
    (name) =>
      !reached.has(name) && !driver.has(name) && !unused.has(name) && !opened.includes(name),
  );
  t.deepEqual(left, []);
  t.deepEqual(opened, ['libtorch_cuda_linalg.so']);
});
