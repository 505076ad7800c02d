// The shared libraries of the worker image: what the addon is linked to, beyond what the base image
// has anyway.
import { copyFile, mkdir, readdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';

/** Parts of the system: the base image brings its own. */
const ofBase =
  /^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libutil|libgcc_s|libstdc\+\+)[.-]/;

/** Copies, without symbols that no loader reads, all that the files in `addon` need into `out`. */
export async function copyLibraries(addon: string, out: string): Promise<void> {
  await mkdir(out, { recursive: true });
  const binaries = (await readdir(addon)).filter((name) => /\.(node|so)$/.test(name));
  const needed = new Map<string, string>();
  for (const name of binaries) {
    const { stdout } = await execa('ldd', [join(addon, name)]);
    for (const [library, path] of linked(stdout)) needed.set(library, path);
  }
  const own = new Set(binaries);
  for (const [library, path] of needed) {
    if (ofBase.test(library) || own.has(library)) continue;
    const copy = join(out, library);
    await copyFile(await realpath(path), copy);
    await execa('strip', ['--strip-unneeded', copy]);
  }
}

/**
 * `libx.so.1 => /path/libx.so.1 (0x…)`, line by line. A library that is not found makes the image
 * useless.
 */
export function linked(output: string): readonly (readonly [name: string, path: string])[] {
  return output.split('\n').flatMap((line): (readonly [string, string])[] => {
    const [, name = '', path = ''] = /^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
    if (name === '') return [];
    if (path === 'not found')
      throw new Error(`${basename(name)}, which the addon needs, is not found`);
    return [[name, path]];
  });
}
