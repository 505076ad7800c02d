/**
 * Builds worker/native with CMake in the cache and copies the two libraries to worker/native/dist.
 *
 * The result is keyed by all its inputs (sources, libtorch, compiler, processor), so a second clone
 * copies instead of building. CMake's build tree is kept per checkout, so an edit rebuilds only
 * what changed.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { TerminalError } from '../../crds/failures/errors.ts';
import { ensureEntry } from './entry.ts';
import { exclusively } from './exclusive.ts';
import { ensureLibtorch } from './libtorch.ts';
import type { Ran } from './machine.ts';
import type { Setup } from './setup.ts';
import { findToolchain, type Toolchain } from './toolchain.ts';

/** The folder with the built addon. */
export async function ensureNative(setup: Setup, checkout: string): Promise<string> {
  const sources = join(checkout, 'worker/native');
  const dist = join(sources, 'dist');
  const libtorch = await ensureLibtorch(setup);
  const toolkit = cudaToolkit(setup);
  const inputs = { sources, toolkit, facts: [libtorch, setup.machine.arch] };
  const sourceKey = await digestOf(inputs);
  if ((await stampOf(dist)) === sourceKey) return dist;
  const toolchain = await findToolchain(setup.machine);
  const key = sha256(`${sourceKey}\n${toolchain.compilerVersion}`).slice(0, 24);
  const built = await ensureEntry(setup, {
    folder: join(setup.cache.root, 'native', key),
    // Two precompiled headers take most of it.
    bytes: 900e6,
    async make(out) {
      await build(setup, { checkout, sources, libtorch, toolkit, toolchain, out });
      await requireUnchanged(inputs, sourceKey);
    },
  });
  await publish(setup, built, dist, sourceKey);
  return dist;
}

/** With ANNEAL_CUDA=1 the kernels are also compiled for GPUs, with the toolkit in $CUDA_HOME. */
function cudaToolkit({ machine }: Setup): string | undefined {
  if (machine.env['ANNEAL_CUDA'] !== '1') return undefined;
  const folder = machine.env['CUDA_HOME'] || '/usr/local/cuda';
  if (existsSync(join(folder, 'bin/nvcc'))) return folder;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `ANNEAL_CUDA is 1, and ${folder}/bin/nvcc does not exist`,
    hint: 'set CUDA_HOME to a CUDA 13 toolkit, or unset ANNEAL_CUDA to build for the processor',
  });
}

interface Build {
  readonly checkout: string;
  readonly sources: string;
  readonly libtorch: string;
  readonly toolkit: string | undefined;
  readonly toolchain: Toolchain;
  readonly out: string;
}

async function build(setup: Setup, building: Build): Promise<void> {
  const { machine, steps } = setup;
  const { checkout, sources, libtorch, toolkit, toolchain, out } = building;
  const name = sha256(checkout).slice(0, 12);
  const tree = join(setup.cache.root, 'native-build', name);
  const files = await sourceFiles(sources);
  const count = files.filter((file) => /\.cc$/.test(file)).length;
  const text = `compiling ${count} C++ files of worker/native with ${toolchain.compiler}, ${machine.cores} at a time`;
  await exclusively(setup, `native-build-${name}`, () =>
    steps.step('native', text, async (progress) => {
      await mkdir(tree, { recursive: true });
      const output = join(tree, 'out');
      progress('configuring');
      await cmake(setup, toolchain, [
        ...['-S', sources, '-B', tree, '-DCMAKE_BUILD_TYPE=Release'],
        `-DCMAKE_CXX_COMPILER=${toolchain.compiler}`,
        `-DANNEAL_LIBTORCH=${libtorch}`,
        `-DANNEAL_CUDA=${toolkit ?? ''}`,
        `-DNODE_API_HEADERS=${join(checkout, 'node_modules/node-api-headers')}`,
        `-DANNEAL_OUT=${output}`,
      ]);
      progress('compiling');
      await cmake(setup, toolchain, ['--build', tree, '--parallel', String(machine.cores)]);
      for (const file of await readdir(output)) await copyFile(join(output, file), join(out, file));
    }),
  );
}

async function cmake(setup: Setup, toolchain: Toolchain, args: readonly string[]): Promise<void> {
  const ran = await setup.machine.run(toolchain.cmake, args, { signal: setup.signal });
  if (ran.kind === 'ended' && ran.ok) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `worker/native does not build: ${buildError(ran)}`,
    hint: `run it directly for the whole output: ${toolchain.cmake} ${args.join(' ')}`,
  });
}

/** The first line of the output that contains an error of compiler, linker or CMake. */
export function buildError(ran: Ran): string {
  if (ran.kind === 'missing') return 'CMake is no longer on the PATH';
  const lines = `${ran.stderr}\n${ran.stdout}`.split('\n').map((line) => line.trim());
  const cmakeError = lines.findIndex((line) => /^CMake Error/.test(line));
  if (cmakeError >= 0) {
    return lines.slice(cmakeError + 1).find((line) => line !== '') ?? lines[cmakeError] ?? '';
  }
  const cause = lines.find((line) => /error:|undefined reference|Killed/i.test(line));
  return cause ?? lines.findLast((line) => line !== '') ?? 'CMake printed nothing';
}

/**
 * Running processes keep the addon that they loaded: files are replaced by rename, never rewritten.
 */
async function publish(setup: Setup, built: string, dist: string, key: string): Promise<void> {
  await exclusively(setup, `native-dist-${sha256(dist).slice(0, 12)}`, async () => {
    await mkdir(dist, { recursive: true });
    await rm(join(dist, stampName), { force: true });
    for (const file of await readdir(built)) {
      const fresh = join(dist, `.${file}.${process.pid}`);
      await copyFile(join(built, file), fresh);
      await rename(fresh, join(dist, file));
    }
    await writeFile(join(dist, stampName), key);
  });
}

const stampName = '.built-from';

async function stampOf(dist: string): Promise<string | undefined> {
  const stamp = join(dist, stampName);
  const whole = existsSync(stamp) && existsSync(join(dist, 'anneal.node'));
  return whole ? await readFile(stamp, 'utf8') : undefined;
}

/** A build of edited sources must not be cached under the key of the earlier ones. */
async function requireUnchanged(inputs: Inputs, key: string): Promise<void> {
  if ((await digestOf(inputs)) === key) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: 'worker/native was edited during the build',
    hint: 'run the command again; compiled files are kept',
  });
}

/** What the result depends on, the compiler apart. */
interface Inputs {
  readonly sources: string;
  readonly toolkit: string | undefined;
  readonly facts: readonly string[];
}

async function digestOf({ sources, toolkit, facts }: Inputs): Promise<string> {
  const hash = createHash('sha256');
  for (const fact of [...facts, ...(toolkit === undefined ? [] : [toolkit])]) {
    hash.update(`${fact}\0`);
  }
  for (const path of await sourceFiles(sources, toolkit !== undefined)) {
    hash.update(`${relative(sources, path)}\0`).update(await readFile(path));
  }
  return hash.digest('hex');
}

/**
 * CUDA sources are read where a toolkit compiles them; elsewhere an edit of one changes nothing.
 */
async function sourceFiles(sources: string, withCuda = false): Promise<readonly string[]> {
  const wanted = withCuda ? /\.(cc|h|cu|cuh|txt|cmake)$/ : /\.(cc|h|txt|cmake)$/;
  const entries = await readdir(sources, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.startsWith(join(sources, 'dist')))
    .sort();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
