/**
 * Builds the emulated CUDA device of test/gpu/emulator, and with it the CUDA sources of
 * worker/native/kernels, by the C++ compiler: one library that a process loads to have devices
 * `cuda:0` and further, whose memory is that of the host. It lies in the cache; the product neither
 * builds nor looks for it.
 *
 * Each unit is kept as an object under the digest of all that it depends on, so that an edit of one
 * kernel compiles one kernel. libtorch's headers, most of the time of a unit, are read once
 * (prelude.h).
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { ensureLibtorch } from '../../cli/setup/libtorch.ts';
import { type Setup, thisSetup } from '../../cli/setup/setup.ts';
import { findToolchain, type Toolchain } from '../../cli/setup/toolchain.ts';
import { emulatedSource } from './emulated-source.ts';
import { mustRun } from './python.ts';

const emulator = join(import.meta.dirname, '../gpu/emulator');
const kernels = join(import.meta.dirname, '../../worker/native/kernels');

const recipe = 'emulator 1';
/** Contracted as nvcc does by default; otherwise as worker/native is compiled. */
const flags = [
  ...['-std=c++20', '-O2', '-g0', '-fPIC', '-fvisibility=hidden', '-pthread', '-mavx2', '-mfma'],
  ...['-ffp-contract=fast', '-fno-math-errno', '-fno-trapping-math', '-Wall', '-Wno-unused'],
];

/** A text in the place of that of one file of the kernels, for a test that damages a kernel. */
export interface Changed {
  /** From worker/native/kernels. */
  readonly path: string;
  readonly text: string;
  /** The only unit that is compiled again: `<name>/<name>_cuda.cu`. */
  readonly unit: string;
}

/** Why this machine has no emulated device; undefined where it has one. */
export function whyNoEmulator({ machine }: Pick<Setup, 'machine'>): string | undefined {
  if (machine.arch === 'x64') return undefined;
  return `the emulated device switches stacks on x64 alone; this machine is ${machine.arch}`;
}

/**
 * The library, made now if it is not there. Throws where the compiler refuses a source, with what
 * it said.
 */
export async function ensureEmulator(setup: Setup, changed?: Changed): Promise<string> {
  const reason = whyNoEmulator(setup);
  if (reason !== undefined) throw new Error(reason);
  const whole = await planOf(setup);
  const plan = changed === undefined ? whole : withChange(whole, changed);
  const key = digest([...plan.units.map(({ key }) => key)]);
  const folder = await ensureEntry(setup, {
    folder: join(setup.cache.root, 'emulator', key),
    bytes: 400e6,
    make: (staging) => build(setup, plan, staging),
  });
  return join(folder, libraryName);
}

/** Path of the library for this process: what the runner says, else made now if it is not there. */
export async function emulatorHere(): Promise<string> {
  const { signal } = new AbortController();
  return process.env[emulatorVariable] ?? (await ensureEmulator(thisSetup(signal)));
}

/** AVA's configuration for tests on the device. */
export const deviceConfig = 'ava.device.config.js';
/** Path of the library, for a process that need not look whether it is the newest. */
export const emulatorVariable = 'ANNEAL_EMULATOR';

const libraryName = 'libanneal_emulator.so';

interface Unit {
  /** Path in the tree of sources. */
  readonly path: string;
  /** Of everything that its object depends on. */
  readonly key: string;
}

interface Plan {
  /** Path in the tree → text, of all sources and headers. */
  readonly tree: ReadonlyMap<string, string>;
  readonly units: readonly Unit[];
  readonly toolchain: Toolchain;
  readonly libtorch: string;
}

async function planOf(setup: Setup): Promise<Plan> {
  const libtorch = await ensureLibtorch(setup);
  const toolchain = await findToolchain(setup.machine);
  const tree = new Map([
    ...(await textsOf(emulator, 'emulator', /\.(cc|h)$/)),
    ...(await textsOf(kernels, 'kernels', /\.(cu|cuh|h)$/)),
  ]);
  for (const [path, text] of tree) {
    if (/\.cuh?$/.test(path)) tree.set(path, emulatedSource(text));
  }
  const facts = [recipe, ...flags, toolchain.compilerVersion, libtorch];
  const units = [...tree.keys()]
    .filter((path) => /\.(cc|cu)$/.test(path))
    .map((path) => ({ path, key: digest([...facts, ...readBy(tree, path)]) }));
  return { tree, units, toolchain, libtorch };
}

/** Paths and texts of a unit and of all that it includes; the prelude is read before each. */
function readBy(tree: ReadonlyMap<string, string>, unit: string): readonly string[] {
  const found = new Set([unit, 'emulator/prelude.h']);
  for (const path of found) {
    for (const [, name = ''] of (tree.get(path) ?? '').matchAll(/^#include [<"]([^>"]+)[>"]/gm)) {
      const paths = [join(dirname(path), name), join('emulator', name), join('kernels', name)];
      for (const each of paths) if (tree.has(each)) found.add(each);
    }
  }
  return [...found].sort().flatMap((path) => [path, tree.get(path) ?? '']);
}

function withChange(plan: Plan, { path, text, unit }: Changed): Plan {
  const tree = new Map(plan.tree).set(`kernels/${path}`, emulatedSource(text));
  const units = plan.units.map((one) =>
    one.path === `kernels/${unit}` ? { ...one, key: digest([one.key, path, text]) } : one,
  );
  return { ...plan, tree, units };
}

async function build(setup: Setup, plan: Plan, staging: string): Promise<void> {
  const objects = join(setup.cache.root, 'emulator-objects');
  await mkdir(objects, { recursive: true });
  const objectOf = ({ key }: Unit) => join(objects, `${key}.o`);
  const missing = plan.units.filter((unit) => !existsSync(objectOf(unit)));
  if (missing.length > 0) {
    const text = `compiling ${missing.length} sources for the emulated device, ${setup.machine.cores} at a time`;
    await setup.steps.step('emulator', text, async (progress) => {
      const prelude = await ensurePrelude(setup, plan);
      const tree = join(staging, 'tree');
      await writeTree(tree, plan.tree);
      const left = [...missing];
      const work = async () => {
        for (let unit = left.shift(); unit !== undefined; unit = left.shift()) {
          progress(basename(unit.path));
          await compileUnit(setup, plan, {
            tree,
            prelude,
            unit: unit.path,
            object: objectOf(unit),
          });
        }
      };
      await Promise.all(Array.from({ length: setup.machine.cores }, work));
      await rm(tree, { recursive: true });
    });
  }
  const lib = join(plan.libtorch, 'lib');
  await mustRun(setup, plan.toolchain.compiler, [
    ...[
      '-shared',
      '-o',
      join(staging, libraryName),
      ...plan.units.map(objectOf),
      '-Wl,--no-undefined',
    ],
    ...['-pthread', `-L${lib}`, '-ltorch_cpu', '-lc10', `-Wl,-rpath,${lib}`],
  ]);
}

interface Compilation {
  readonly tree: string;
  readonly prelude: string;
  readonly unit: string;
  readonly object: string;
}

async function compileUnit(setup: Setup, plan: Plan, compilation: Compilation): Promise<void> {
  const { tree, prelude, unit, object } = compilation;
  const fresh = `${object}.${process.pid}`;
  await mustRun(setup, plan.toolchain.compiler, [
    ...[...flags, '-I', prelude, '-include', 'prelude.h', ...includesOf(plan, tree)],
    ...['-x', 'c++', '-c', join(tree, unit), '-o', fresh],
  ]);
  await rename(fresh, object);
}

function includesOf({ libtorch }: Plan, tree: string): readonly string[] {
  const torch = join(libtorch, 'include');
  return [
    ...['-I', join(tree, 'emulator'), '-I', join(tree, 'kernels')],
    ...['-isystem', torch, '-isystem', join(torch, 'torch/csrc/api/include')],
  ];
}

/** The folder of the precompiled headers. */
async function ensurePrelude(setup: Setup, plan: Plan): Promise<string> {
  const headers = [...plan.tree].filter(([path]) => /^emulator\/.*\.h$/.test(path));
  const { libtorch, toolchain } = plan;
  const key = digest([recipe, ...flags, toolchain.compilerVersion, libtorch, ...headers.flat()]);
  return ensureEntry(setup, {
    folder: join(setup.cache.root, 'emulator-prelude', key),
    bytes: 600e6,
    async make(staging) {
      await writeTree(staging, new Map(headers));
      await copyFile(join(staging, 'emulator/prelude.h'), join(staging, 'prelude.h'));
      await mustRun(setup, plan.toolchain.compiler, [
        ...[...flags, ...includesOf(plan, staging), '-x', 'c++-header', join(staging, 'prelude.h')],
        ...['-o', join(staging, 'prelude.h.gch')],
      ]);
    },
  });
}

async function textsOf(
  folder: string,
  as: string,
  wanted: RegExp,
): Promise<readonly (readonly [string, string])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return Promise.all(
    paths.map(
      async (path) => [join(as, relative(folder, path)), await readFile(path, 'utf8')] as const,
    ),
  );
}

async function writeTree(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of texts) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

function digest(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}\0${part}`);
  return hash.digest('hex').slice(0, 24);
}
