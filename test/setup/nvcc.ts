/**
 * A CUDA compiler on a machine without CUDA: cut out of PyPI's wheels into the cache, so that CUDA
 * sources are compiled in every test run even where no GPU is.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { fetchWheel } from '../../cli/setup/fetch-wheel.ts';
import { systemOf } from '../../cli/setup/libtorch.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { megabytes } from '../../cli/setup/steps.ts';
import { unpack } from '../../cli/setup/unpack.ts';
import type { Wheel } from '../../cli/setup/wheels.ts';
import { compilerWheels, mathHeaderWheels } from './cuda-compiler-wheels.ts';

export interface Nvcc {
  readonly nvcc: string;
  /** Folders of CUDA's headers. */
  readonly include: readonly string[];
  /** Folder of libcudart. */
  readonly lib: string;
}

export interface NvccOptions {
  /** Sources include `ATen/cuda/…`, whose headers name cuBLAS, cuSPARSE and cuSOLVER. */
  readonly mathHeaders?: boolean;
}

export async function ensureNvcc(
  setup: Setup,
  { mathHeaders = false }: NvccOptions = {},
): Promise<Nvcc> {
  const system = systemOf(setup);
  const compiler = await ensureWheels(setup, 'cuda-compiler-13.2.86', compilerWheels(system), all);
  const headers = mathHeaders
    ? [await ensureWheels(setup, 'cuda-headers-13.2.86', mathHeaderWheels(system), headersOnly)]
    : [];
  return {
    nvcc: join(compiler, 'bin/nvcc'),
    include: [compiler, ...headers].map((folder) => join(folder, 'include')),
    lib: join(compiler, 'lib'),
  };
}

const root = 'nvidia/cu13/';

function all(name: string): string | undefined {
  return name.startsWith(root) ? name : undefined;
}

function headersOnly(name: string): string | undefined {
  return name.startsWith(`${root}include/`) ? name : undefined;
}

async function ensureWheels(
  setup: Setup,
  name: string,
  wheels: readonly Wheel[],
  location: (name: string) => string | undefined,
): Promise<string> {
  const fetched = wheels.reduce((sum, { bytes }) => sum + bytes, 0);
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, name),
    bytes: 6 * fetched,
    async make(staging) {
      for (const wheel of wheels) {
        const text = `fetching ${wheel.name} ${wheel.version}, ${megabytes(wheel.bytes)}`;
        await setup.steps.step('nvcc', text, async (progress) => {
          const scratch = join(staging, 'wheel');
          await mkdir(scratch);
          const archive = await fetchWheel(setup, wheel, scratch, progress);
          await unpack({ archive, into: staging, location }, setup.signal);
          await rm(scratch, { recursive: true });
        });
      }
    },
  });
  return join(folder, root);
}
