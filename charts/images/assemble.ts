// Puts what an image holds into a folder: `node charts/images/assemble.ts PART OUT`, from a
// checkout with its packages (and, for the worker, its addon) in place. The Dockerfile runs it in
// its build stage, the tests run it where no Docker is; so both make the same image.
//
//   OUT/app                compiled modules that the part's programs reach
//   OUT/app/sbom.cdx.json  what all of it is made of
//   OUT/app/node_modules   packages that these import, and theirs
//   OUT/opt/libtorch/lib   libraries that the addon is linked to (worker only)
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { contentsOf, machineHere, type Piece } from './contents.ts';
import { copyLibraries } from './libraries.ts';
import { closureOf, isNeeded, lockedPackages, packageOf } from './packages.ts';
import { type Part, type PartName, parts } from './parts.ts';
import { sbom } from './sbom.ts';

const checkout = join(import.meta.dirname, '../..');

export async function assemble(name: PartName, out: string): Promise<void> {
  const part: Part = parts[name];
  const app = join(out, 'app');
  const libraries = join(out, 'opt/libtorch/lib');
  await mkdir(app, { recursive: true });
  const { files, packages } = await reached(part.entries);
  await compile(files, app);
  const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  const manifest = { name: `anneal-${name}`, version, private: true, type: 'module' };
  await writeFile(join(app, 'package.json'), `${JSON.stringify(manifest)}\n`);
  const locked = await lockedPackages(checkout);
  for (const folder of closureOf(locked, packages)) await copyPackage(folder, app);
  if (part.native) {
    const addon = join(app, 'worker/native/dist');
    await cp(join(checkout, 'worker/native/dist'), addon, { recursive: true });
    await copyLibraries(addon, libraries);
  }
  const withCuda =
    part.native && (await readdir(libraries)).some((each) => /torch_cuda/.test(each));
  const machine = machineHere(withCuda);
  const contents = contentsOf({ part: name, locked, packages, machine });
  await writeFile(join(app, 'sbom.cdx.json'), sbom(`anneal-${name}`, version, contents));
}

/**
 * What the image of a part holds of ours and of npm and PyPI; Debian's packages are known by the
 * image alone.
 */
export async function piecesOf(name: PartName, withCuda: boolean): Promise<readonly Piece[]> {
  const { packages } = await reached(parts[name].entries);
  const locked = await lockedPackages(checkout);
  return contentsOf({ part: name, locked, packages, machine: machineHere(withCuda) });
}

/** Modules and packages that the entries import, dynamic imports included. */
async function reached(entries: readonly string[]) {
  const { metafile } = await build({
    ...{ entryPoints: [...entries], absWorkingDir: checkout, bundle: true, packages: 'external' },
    ...{ platform: 'node', format: 'esm', write: false, metafile: true, outdir: 'out' },
    logLevel: 'error',
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const packages = imports.filter((each) => each.external).map(({ path }) => path);
  const names = packages.filter((path) => !path.startsWith('node:')).map(packageOf);
  return { files: Object.keys(metafile.inputs), packages: [...new Set(names)].sort() };
}

/**
 * By the compiler of a release; whether it types is the business of `npm run types`. Only the
 * reached modules are kept.
 */
async function compile(files: readonly string[], out: string): Promise<void> {
  const all = await mkdtemp(join(tmpdir(), 'anneal-build-'));
  try {
    const tsc = join(checkout, 'node_modules/typescript/bin/tsc');
    const flags = ['--noCheck', '--sourceMap', 'false', '--outDir', all];
    const project = ['-p', join(checkout, 'tsconfig.build.json')];
    await execa(process.execPath, [tsc, ...project, ...flags], { cwd: checkout });
    for (const file of files) {
      const compiled = file.replace(/\.tsx?$/, '.js');
      await mkdir(dirname(join(out, compiled)), { recursive: true });
      await cp(join(all, compiled), join(out, compiled));
    }
  } finally {
    await rm(all, { recursive: true });
  }
}

async function copyPackage(folder: string, app: string): Promise<void> {
  const from = join(checkout, folder);
  await cp(from, join(app, folder), {
    recursive: true,
    dereference: false,
    // Packages within packages are listed by the lock file for themselves.
    filter: (path) => {
      const below = relative(from, path);
      return !below.split('/').includes('node_modules') && (below === '' || isNeeded(below));
    },
  });
}

if (import.meta.main) {
  const [name = '', out] = process.argv.slice(2);
  if (!(name in parts) || out === undefined) {
    process.stderr.write(`usage: assemble.ts ${Object.keys(parts).join('|')} OUT\n`);
    process.exit(64);
  }
  await assemble(name as PartName, out);
}
