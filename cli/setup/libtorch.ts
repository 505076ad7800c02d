/**
 * libtorch from the first source that has it: $LIBTORCH, an installed Python torch of exactly our
 * version, or PyPI's wheel, of which only the CPU files are kept (0.5 of 1.1 GB). No Python runs:
 * pip only locates packages and downloads a file.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TerminalError, UserError } from '../../crds/failures/errors.ts';
import { cudaWheels } from './cuda-wheels.ts';
import { ensureEntry } from './entry.ts';
import { fetchWheel } from './fetch-wheel.ts';
import { findPip } from './pip.ts';
import type { Setup } from './setup.ts';
import { megabytes } from './steps.ts';
import { unpack } from './unpack.ts';
import { libtorchWheels, type System, torchVersion, type Wheel } from './wheels.ts';

/** The folder with `lib/` and `include/` of libtorch. */
export async function ensureLibtorch(setup: Setup): Promise<string> {
  const system = systemOf(setup);
  const given = setup.machine.env['LIBTORCH'];
  if (given) return givenLibtorch(given, setup.machine.platform);
  const withCuda = setup.machine.env['ANNEAL_CUDA'] === '1' && system !== 'darwin-arm64';
  const name = `libtorch-${torchVersion}-${system}${withCuda ? '-cuda' : ''}`;
  const folder = join(setup.cache.root, name);
  if (existsSync(folder)) return join(folder, 'torch');
  return (await installedLibtorch(setup)) ?? fetchLibtorch(setup, system, folder, withCuda);
}

export function systemOf({ machine }: Setup): System {
  const system = `${machine.platform}-${machine.arch}`;
  if (Object.hasOwn(libtorchWheels, system)) return system as System;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `this machine is ${machine.platform} ${machine.arch}; libtorch exists for Linux x64, Linux arm64 and macOS arm64`,
    hint: 'use one of these, or a container or virtual machine on it',
  });
}

async function givenLibtorch(given: string, platform: string): Promise<string> {
  const folder = existsSync(join(given, 'torch/lib')) ? join(given, 'torch') : given;
  const library = join(folder, 'lib', libraryName(platform));
  if (!existsSync(library) || !existsSync(join(folder, 'include/ATen/core/Tensor.h'))) {
    throw refusedLibtorch(given, `has no lib/${libraryName(platform)} with its include folder`);
  }
  const version = await versionOf(folder);
  if (version !== torchVersion) throw refusedLibtorch(given, `is libtorch ${version}`);
  return folder;
}

function refusedLibtorch(given: string, observed: string): UserError {
  return new UserError({
    code: 'E_SETUP',
    path: 'LIBTORCH',
    value: given,
    message: `LIBTORCH=${given} ${observed}; it must be an unpacked libtorch ${torchVersion}`,
    hint: 'unset LIBTORCH to fetch it',
  });
}

export async function versionOf(folder: string): Promise<string> {
  const header = join(folder, 'include/torch/headeronly/version.h');
  if (!existsSync(header)) return 'of an unknown version';
  const text = await readFile(header, 'utf8');
  return /TORCH_VERSION[\s\\]*"([^"]+)"/.exec(text)?.[1] ?? 'of an unknown version';
}

/** Asks pip once where torch is installed; the answer is cached, since pip takes half a second. */
async function installedLibtorch(setup: Setup): Promise<string | undefined> {
  const note = join(setup.cache.root, `installed-torch-${torchVersion}`);
  const kept = existsSync(note) ? (await readFile(note, 'utf8')).trim() : undefined;
  const folder = kept || (await askPip(setup));
  if (folder === undefined || (await versionOf(folder)) !== torchVersion) return undefined;
  if (!existsSync(join(folder, 'lib', libraryName(setup.machine.platform)))) return undefined;
  await mkdir(dirname(note), { recursive: true });
  await writeFile(note, `${folder}\n`);
  return folder;
}

async function askPip({ machine, signal }: Setup): Promise<string | undefined> {
  const [file, ...first] = await findPip(machine);
  const ran = await machine.run(file, [...first, 'show', 'torch'], { signal });
  if (ran.kind === 'missing' || !ran.ok) return undefined;
  const location = /^Location:\s*(.+)$/m.exec(ran.stdout)?.[1];
  return location === undefined ? undefined : join(location, 'torch');
}

async function fetchLibtorch(
  setup: Setup,
  system: System,
  folder: string,
  withCuda: boolean,
): Promise<string> {
  const wheels = [...libtorchWheels[system], ...(withCuda ? cudaWheels[system] : [])];
  const fetched = wheels.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = Math.max(...wheels.map(({ bytes }) => bytes));
  await ensureEntry(setup, {
    folder,
    // The unpacked files, and the largest wheel twice while pip moves it.
    bytes: (withCuda ? 2.2 : 1.1) * fetched + 2 * largest,
    async make(staging) {
      for (const wheel of wheels) await addWheel(setup, wheel, staging, withCuda);
    },
  });
  return join(folder, 'torch');
}

function addWheel(setup: Setup, wheel: Wheel, staging: string, withCuda: boolean): Promise<void> {
  const text = `fetching ${wheel.name} ${wheel.version}, ${megabytes(wheel.bytes)}, and unpacking it`;
  return setup.steps.step('libtorch', text, async (progress) => {
    const scratch = join(staging, 'wheel');
    await mkdir(scratch);
    const archive = await fetchWheel(setup, wheel, scratch, progress);
    progress('unpacking');
    const keep = withCuda ? keepForCuda : keepForCpu;
    const location = (name: string) => (keep(name) ? name : undefined);
    await unpack({ archive, into: staging, location }, setup.signal);
    await rm(scratch, { recursive: true });
  });
}

/** Headers, and all libraries except those of Python and CUDA; arm64 has its own BLAS libraries. */
export function keepForCpu(name: string): boolean {
  if (/^torch\/include\//.test(name)) return true;
  if (/^torch\.libs\//.test(name)) return true;
  if (/^nvidia\/cu13\/lib\/lib(cudart|cupti)\.so/.test(name)) return true;
  return (
    /^torch\/lib\/[^/]+\.(so|dylib)[.\d]*$/.test(name) &&
    !/\/lib(torch|torch_cuda\w*|torch_python|torch_nvshmem|torch_global_deps|c10_cuda|caffe2_nvrtc|shm)\.(so|dylib)$/.test(
      name,
    )
  );
}

/** With CUDA, everything but Python: libtorch_cuda links all NVIDIA libraries. */
export function keepForCuda(name: string): boolean {
  if (/^torch\/lib\/lib(torch_python|shm)\./.test(name)) return false;
  return /^(torch\/(include|lib)\/|torch\.libs\/|nvidia\/[^/]+\/(lib|include)\/)/.test(name);
}

function libraryName(platform: string): string {
  return platform === 'darwin' ? 'libtorch_cpu.dylib' : 'libtorch_cpu.so';
}
