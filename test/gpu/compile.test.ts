// CUDA sources on a machine without a GPU: they compile for both architectures, link with every symbol
// resolved, load into a process that has libtorch, and register a CUDA kernel for the schemas of the CPU side.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { compileCuda, cudaSources, linkCuda } from '../setup/cuda-kernels.ts';
import { ensurePeers } from '../setup/peers.ts';
import { mustRun } from '../setup/python.ts';

const native = join(import.meta.dirname, '../../worker/native');
const kernels = join(native, 'kernels');
const sources = await cudaSources(kernels);
const built = join(native, 'dist/libanneal_kernels.so');

test('the compiler of the registry builds a CUDA operator that loads without a driver', async (t) => {
  t.timeout(20 * 60_000);
  const sample = join(import.meta.dirname, 'sample.cu');
  const found = await buildAndLoad(t, thisSetup(new AbortController().signal), {
    folder: import.meta.dirname,
    sources: [sample],
    before: [],
    operators: ['anneal_sample::twice'],
  });
  t.deepEqual(found, { 'anneal_sample::twice': { schema: true, cuda: true } });
});

const realTest = sources.length > 0 ? test : test.skip;
const title =
  'every CUDA source of worker/native/kernels compiles, links, loads and registers its kernels';

realTest(sources.length > 0 ? title : `${title} (there is no .cu file yet)`, async (t) => {
  t.timeout(60 * 60_000);
  const texts = await Promise.all(sources.map((source) => readFile(source, 'utf8')));
  const operators = texts.flatMap((text) =>
    [...text.matchAll(/\b(?:m|library)\.impl\(\s*"([\w.]+)"/g)].map(
      ([, name]) => `anneal::${name}`,
    ),
  );
  t.true(operators.length >= sources.length, 'each CUDA source registers at least one kernel');
  const found = await buildAndLoad(t, thisSetup(new AbortController().signal), {
    folder: kernels,
    sources,
    before: [built],
    operators,
  });
  for (const operator of operators) {
    t.deepEqual(found[operator], { schema: true, cuda: true }, operator);
  }
});

interface Library {
  readonly folder: string;
  readonly sources: readonly string[];
  /** Libraries that define the schemas. */
  readonly before: readonly string[];
  readonly operators: readonly string[];
}

type Found = Record<string, { readonly schema: boolean; readonly cuda: boolean }>;

async function buildAndLoad(
  t: { teardown(body: () => Promise<void>): void },
  setup: Setup,
  library: Library,
): Promise<Found> {
  const scratch = await mkdtemp(join(tmpdir(), 'anneal-cuda-'));
  t.teardown(() => rm(scratch, { recursive: true }));
  const objects: string[] = [];
  for (const source of library.sources) {
    objects.push(await compileCuda(setup, library.folder, source));
  }
  const { python } = await ensurePeers(setup);
  const torchLib = await torchLibOf(setup, python);
  const output = join(scratch, 'libcuda_operators.so');
  await linkCuda(setup, { objects, torchLib, output });
  const script = join(import.meta.dirname, '../peers/dispatch_keys.py');
  const said = await mustRun(setup, python, [
    script,
    ...library.before,
    output,
    '--',
    ...library.operators,
  ]);
  return JSON.parse(said) as Found;
}

async function torchLibOf(setup: Setup, python: string): Promise<string> {
  const file = await mustRun(setup, python, ['-c', 'import torch; print(torch.__file__)']);
  return join(dirname(file.trim()), 'lib');
}
