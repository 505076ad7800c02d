/**
 * The source distribution of llama-cpp-python, which has llama.cpp whole, and CMake for it: what
 * the libraries of the judge and the server of the benchmark are compiled from.
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

/** The folder of the source below `tree`, fetched where an interrupted build has not done so. */
export async function ensureSource(setup: Setup, python: Python, tree: string): Promise<string> {
  // Said before 77 MB are fetched in vain.
  await findToolchain(setup.machine);
  const source = join(tree, 'source');
  if (!existsSync(source)) {
    const text = 'fetching the source of llama-cpp-python, 77 MB';
    await setup.steps.step('llama', text, () => fetchSource(setup, python, source));
  }
  return source;
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

interface Build {
  readonly source: string;
  readonly build: string;
  readonly target: string;
  /** Of CMake, beside those of every build. */
  readonly options: readonly string[];
}

/** No interrupted build is made again: what it has made is kept. */
export async function compile(setup: Setup, made: Build): Promise<void> {
  const { machine } = setup;
  const { source, build, target, options } = made;
  const { cmake, compiler } = await findToolchain(machine);
  const beside = machine.platform === 'darwin' ? '@loader_path' : '$ORIGIN';
  await runCmake(setup, cmake, [
    ...['-S', join(source, 'vendor/llama.cpp'), '-B', build, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DCMAKE_CXX_COMPILER=${compiler}`, ...options, '-DLLAMA_OPENSSL=OFF'],
    ...['-DGGML_OPENMP=OFF', '-DGGML_CCACHE=OFF'],
    // The libraries find each other wherever they are copied to.
    ...['-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON', `-DCMAKE_INSTALL_RPATH=${beside}`],
  ]);
  const parallel = String(machine.cores);
  await runCmake(setup, cmake, ['--build', build, '--target', target, '--parallel', parallel]);
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
