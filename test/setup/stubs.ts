/**
 * Empty stand-ins for NVIDIA's libraries, so that libtorch_cuda and Python's torch load on a
 * machine without a GPU and without 3 GB of wheels.
 *
 * The loader wants each name of the NEEDED lists, and a definition of each symbol that is asked for
 * by address; nothing is ever called, because torch finds no driver first. So each stand-in
 * defines, as eight bytes of data, whatever libtorch leaves undefined in that library's name.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Setup } from '../../cli/setup/setup.ts';
import { mustRun } from './python.ts';

interface Stub {
  readonly library: string;
  /** Version node of its symbols; libraries without one are told by the prefix of their symbols. */
  readonly version?: string;
  readonly prefix?: RegExp;
}

const stubs: readonly Stub[] = [
  ...[
    'libcublas.so.13',
    'libcublasLt.so.13',
    'libcudnn.so.9',
    'libcufft.so.12',
    'libcusparse.so.12',
    'libcusolver.so.12',
    'libnvrtc.so.13',
  ].map((library) => ({ library, version: library })),
  { library: 'libnvshmem_host.so.3', version: 'NVSHMEM' },
  { library: 'libcufile.so.0', prefix: /^cuFile/ },
  { library: 'libcusparseLt.so.0', prefix: /^cusparseLt/ },
  { library: 'libnccl.so.2', prefix: /^p?nccl/ },
];

/** Writes the stand-ins for what the libraries in `torchLib` need into `into`. */
export async function makeStubs(setup: Setup, torchLib: string, into: string): Promise<void> {
  const wanted = await undefinedSymbols(setup, torchLib);
  await mkdir(into, { recursive: true });
  for (const stub of stubs) await makeStub(setup, stub, symbolsOf(stub, wanted), into);
}

interface Wanted {
  readonly symbol: string;
  readonly version: string;
}

async function undefinedSymbols(setup: Setup, torchLib: string): Promise<readonly Wanted[]> {
  const libraries = (await readdir(torchLib)).filter((file) => file.endsWith('.so'));
  const args = ['-D', '--undefined-only', '--with-symbol-versions'];
  const listing = await mustRun(setup, 'nm', [
    ...args,
    ...libraries.map((file) => join(torchLib, file)),
  ]);
  return [...listing.matchAll(/^\s+U ([^\s@]+)(?:@+(\S+))?$/gm)].map(
    ([, symbol = '', version = '']) => ({ symbol, version }),
  );
}

function symbolsOf({ version, prefix }: Stub, wanted: readonly Wanted[]): readonly string[] {
  const belongs = (found: Wanted) =>
    version === undefined
      ? found.version === '' && (prefix?.test(found.symbol) ?? false)
      : found.version === version;
  return [...new Set(wanted.filter(belongs).map(({ symbol }) => symbol))];
}

async function makeStub(
  setup: Setup,
  stub: Stub,
  symbols: readonly string[],
  into: string,
): Promise<void> {
  const source = join(into, 'stub.c');
  const map = join(into, 'stub.map');
  await writeFile(source, symbols.map((symbol) => `char ${symbol}[8];\n`).join(''));
  await writeFile(map, `${stub.version ?? ''} { *; };\n`);
  await mustRun(setup, setup.machine.env['CC'] || 'cc', [
    ...['-shared', '-nostdlib', source, `-Wl,-soname,${stub.library}`],
    ...(stub.version === undefined ? [] : [`-Wl,--version-script,${map}`]),
    ...['-o', join(into, stub.library)],
  ]);
  await rm(source);
  await rm(map);
}
