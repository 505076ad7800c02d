/**
 * Compiles and links the CUDA sources of worker/native/kernels without a GPU, all of them as one
 * unit: nearly all of the time goes into torch's headers, five times a unit (twice for the host,
 * once for each architecture), and nine units took eleven minutes of two cores. Each source has its
 * own namespace. The object is kept in the cache under the digest of the sources and headers.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { ensureLibtorch } from '../../cli/setup/libtorch.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { ensureNvcc, type Nvcc } from './nvcc.ts';
import { mustRun } from './python.ts';

const architectures = ['80', '90a', '120'] as const;

/** Paths of all .cu files below the folder, in order. */
export async function cudaSources(kernels: string): Promise<readonly string[]> {
  return (await filesOf(kernels)).filter((path) => path.endsWith('.cu'));
}

/** The object file of all sources for all architectures. */
export async function compileCuda(setup: Setup, kernels: string): Promise<string> {
  const sources = await cudaSources(kernels);
  const files = (await filesOf(kernels)).filter((path) => /\.(cu|h|cuh)$/.test(path));
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  const compiler = await ensureNvcc(setup, { mathHeaders: includesMath(texts) });
  const libtorch = await ensureLibtorch(setup);
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, architectures, compiler.nvcc, libtorch]))
    .update(texts.join('\0'))
    .digest('hex')
    .slice(0, 24);
  const gpus = architectures.map((architecture) => `sm_${architecture}`).join(', ');
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, 'cuda-objects', key),
    bytes: 200e6,
    make: (staging) =>
      setup.steps.step('nvcc', `compiling ${sources.length} CUDA sources for ${gpus}`, async () => {
        const unit = join(staging, 'kernels.cu');
        const lines = sources.map((source) => `#include "${relative(kernels, source)}"\n`);
        await writeFile(unit, lines.join(''));
        await compile(setup, compiler, {
          ...{ kernels, unit, libtorch },
          object: join(staging, 'kernels.o'),
        });
      }),
  });
  return join(folder, 'kernels.o');
}

const recipe = 'cuda objects 2';

function includesMath(texts: readonly string[]): boolean {
  return texts.some((text) => /#include\s*<ATen\/(cuda|native\/cuda)\//.test(text));
}

interface Compilation {
  readonly kernels: string;
  readonly unit: string;
  readonly libtorch: string;
  readonly object: string;
}

async function compile(setup: Setup, compiler: Nvcc, compilation: Compilation): Promise<void> {
  const { kernels, unit, libtorch, object } = compilation;
  const torchInclude = join(libtorch, 'include');
  await mustRun(setup, compiler.nvcc, [
    ...['-std=c++20', '-O3', '-c', unit, '-o', object, '-Xcompiler=-fPIC', '-DANNEAL_CUDA'],
    ...['--expt-relaxed-constexpr', '--expt-extended-lambda', '-Werror=all-warnings'],
    ...architectures.map((arch) => `-gencode=arch=compute_${arch},code=sm_${arch}`),
    // The architectures side by side; 0 stands for as many threads as there are cores.
    '--threads=0',
    ...['-I', kernels, ...compiler.include.flatMap((folder) => ['-isystem', folder])],
    ...['-isystem', torchInclude],
    ...['-isystem', join(torchInclude, 'torch/csrc/api/include')],
  ]);
}

interface Linking {
  readonly object: string;
  /**
   * lib folder of a torch that holds libtorch_cuda; what it needs lies where its own run path says.
   */
  readonly torchLib: string;
  readonly output: string;
}

/** Links with every symbol resolved: a call into a library that we do not name fails here. */
export async function linkCuda(setup: Setup, linking: Linking): Promise<void> {
  const { object, torchLib, output } = linking;
  const cuda = join(torchLib, '../../nvidia/cu13/lib');
  await mkdir(dirname(output), { recursive: true });
  await mustRun(setup, setup.machine.env['CXX'] || 'c++', [
    ...['-shared', '-o', output, object, '-Wl,--no-undefined', '-Wl,--no-as-needed'],
    ...[`-L${torchLib}`, '-ltorch_cuda', '-lc10_cuda', '-ltorch_cpu', '-lc10'],
    ...[`-L${cuda}`, '-l:libcudart.so.13'],
    ...[`-Wl,-rpath-link,${cuda}`, `-Wl,-rpath-link,${torchLib}`],
    ...[`-Wl,-rpath,${torchLib}`, `-Wl,-rpath,${cuda}`],
  ]);
}

async function filesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
