/**
 * Compiles llama.cpp from the source distribution of llama-cpp-python: only the libraries that the
 * Python package loads, and for no processor in particular, since a cache may be shared between
 * machines. What an interrupted build has made is kept, and the next one goes on from there.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildError } from '../../cli/setup/native.ts';
import { findPip } from '../../cli/setup/pip.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { findToolchain } from '../../cli/setup/toolchain.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import { mustRun, type Python } from './python.ts';

/** A requirement with the digest of the file. */
export const llamaSource = join(import.meta.dirname, 'llama-source.txt');

export interface LlamaBuild {
  /** The Python package, without libraries. */
  readonly package: string;
  /** The libraries that belong into its folder `lib`. */
  readonly libraries: string;
}

export async function buildLlama(setup: Setup, python: Python, tree: string): Promise<LlamaBuild> {
  // Said before 77 MB are fetched in vain.
  await findToolchain(setup.machine);
  const source = join(tree, 'source');
  if (!existsSync(source)) {
    const text = 'fetching the source of llama-cpp-python, 77 MB';
    await setup.steps.step('llama', text, () => fetchSource(setup, python, source));
  }
  const build = join(tree, 'build');
  const text = `compiling llama.cpp, ${setup.machine.cores} files at a time`;
  await setup.steps.step('llama', text, () => compile(setup, source, build));
  return { package: join(source, 'llama_cpp'), libraries: join(build, 'bin') };
}

async function fetchSource(setup: Setup, python: Python, source: string): Promise<void> {
  const scratch = `${source}.fetched`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const [pip, ...first] = await findPip(setup.machine);
  const quiet = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const wanted = ['--no-deps', '--no-binary=llama-cpp-python', '--require-hashes'];
  const download = [...first, 'download', ...quiet, ...wanted, '-r', llamaSource, '-d', scratch];
  await mustRun(setup, pip, download, { env: { TMPDIR: scratch } });
  const archive = (await readdir(scratch)).find((name) => name.endsWith('.tar.gz')) ?? 'no archive';
  await mustRun(setup, python.file, ['-m', 'tarfile', '-e', join(scratch, archive), scratch]);
  await rename(join(scratch, archive.replace(/\.tar\.gz$/, '')), source);
  await rm(scratch, { recursive: true });
}

/** Everything that is off would take as long as all the rest, and is not loaded by Python. */
const leftOut = ['COMMON', 'TESTS', 'TOOLS', 'EXAMPLES', 'SERVER', 'APP'].map(
  (part) => `-DLLAMA_BUILD_${part}=OFF`,
);

async function compile(setup: Setup, source: string, build: string): Promise<void> {
  const { machine } = setup;
  const { cmake, compiler } = await findToolchain(machine);
  const beside = machine.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
  await runCmake(setup, cmake, [
    ...['-S', join(source, 'vendor/llama.cpp'), '-B', build, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DCMAKE_CXX_COMPILER=${compiler}`, ...leftOut, '-DLLAMA_OPENSSL=OFF'],
    ...['-DGGML_NATIVE=OFF', '-DGGML_OPENMP=OFF', '-DGGML_CCACHE=OFF'],
    // The libraries find each other wherever they are copied to.
    ...['-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON', `-DCMAKE_INSTALL_RPATH=${beside}`],
  ]);
  const parallel = String(machine.cores);
  await runCmake(setup, cmake, ['--build', build, '--target', 'llama', '--parallel', parallel]);
}

async function runCmake(
  { machine, signal }: Setup,
  cmake: string,
  args: readonly string[],
): Promise<void> {
  const ran = await machine.run(cmake, args, { signal });
  if (ran.kind === 'ended' && ran.ok) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `llama.cpp does not build: ${buildError(ran)}`,
    hint: `run it by hand for the whole output: ${cmake} ${args.join(' ')}`,
  });
}
