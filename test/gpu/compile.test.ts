// CUDA sources on a machine without a GPU: they compile for both architectures, link with every
// symbol resolved, load into a process that has libtorch, and register a CUDA kernel for the
// schemas of the CPU side.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { thisSetup } from '../../cli/setup/setup.ts';
import { compileCuda, cudaSources, linkCuda } from '../setup/cuda-kernels.ts';
import { ensurePeers, torchLibOf } from '../setup/peers.ts';
import { mustRun } from '../setup/python.ts';

const native = join(import.meta.dirname, '../../worker/native');
const kernels = join(native, 'kernels');
const schemas = join(native, 'dist/libanneal_kernels.so');

test('every CUDA source of worker/native/kernels compiles, links, loads and registers its kernels', async (t) => {
  t.timeout(60 * 60_000);
  const sources = await cudaSources(kernels);
  const texts = await Promise.all(sources.map((source) => readFile(source, 'utf8')));
  const names = texts.map((text) =>
    [...text.matchAll(/\bm\.impl\(\s*"([\w.]+)"/g)].map(([, name]) => `anneal::${name}`),
  );
  for (const [index, source] of sources.entries()) t.not(names[index]?.length, 0, source);
  const scratch = await mkdtemp(join(tmpdir(), 'anneal-cuda-'));
  t.teardown(() => rm(scratch, { recursive: true }));

  const setup = thisSetup(new AbortController().signal);
  const object = await compileCuda(setup, kernels);
  const peers = await ensurePeers(setup);
  const { python } = peers;
  const library = join(scratch, 'libcuda_operators.so');
  await linkCuda(setup, { object, torchLib: await torchLibOf(setup, peers), output: library });

  const script = join(import.meta.dirname, '../peers/dispatch_keys.py');
  const operators = names.flat();
  const said = await mustRun(setup, python, [script, schemas, library, '--', ...operators]);
  t.true(operators.length > 0);
  const whole = { schema: true, cuda: true };
  t.deepEqual(JSON.parse(said), Object.fromEntries(operators.map((name) => [name, whole])));
});
