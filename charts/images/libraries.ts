// The shared libraries of the worker image: what the addon is linked to, and what those open while
// they run, beyond what the base image has anyway.
import { copyFile, mkdir, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';

/** Parts of the system: the base image brings its own. */
const ofBase =
  /^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libutil|libgcc_s|libstdc\+\+)[.-]/;

/** Parts of the driver: the node brings its own. */
const ofDriver = /^lib(cuda|nvidia-ml)\.so\.1$/;

/** NVIDIA's licence lets its libraries be passed on as they are. */
const ofNvidia = /^lib(cu(da|blas|dnn|fft|file|pti|rand|solver|sparse)|nv|nccl)/;

interface OpenedLater {
  readonly opener: RegExp;
  /** Beside the opener, and needed as soon as it does anything. */
  readonly opened: RegExp;
}

/**
 * What no linker knows of. NVSHMEM opens parts as well, for memory that devices share, which we do
 * not use.
 */
const openedLater: readonly OpenedLater[] = [
  { opener: /^libtorch_cuda\.so$/, opened: /^libtorch_cuda_linalg\.so$/ },
  { opener: /^libcudnn\.so\.\d+$/, opened: /^libcudnn_\w+\.so\.\d+$/ },
  { opener: /^libnvrtc\.so\.\d+$/, opened: /^libnvrtc-builtins\.so\.[\d.]+$/ },
];

/** Copies all that the files in `addon` need into `out`: ours without symbols no loader reads. */
export async function copyLibraries(addon: string, out: string): Promise<void> {
  await mkdir(out, { recursive: true });
  const binaries = (await readdir(addon)).filter((name) => /\.(node|so)$/.test(name));
  const own = new Set(binaries);
  for (const [library, path] of await neededBy(binaries.map((name) => join(addon, name)))) {
    if (own.has(library)) continue;
    const copy = join(out, library);
    await copyFile(await realpath(path), copy);
    if (!ofNvidia.test(library)) await execa('strip', ['--strip-unneeded', copy]);
  }
}

/** Names and paths, of all that is linked or opened from these files on. */
async function neededBy(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const needed = new Map<string, string>();
  const left = [...files];
  for (let file = left.pop(); file !== undefined; file = left.pop()) {
    const { stdout } = await execa('ldd', [file]);
    for (const [library, path] of linked(stdout)) {
      if (ofBase.test(library) || needed.has(library)) continue;
      needed.set(library, path);
      const folder = dirname(path);
      for (const name of openedBy(library, await readdir(folder))) {
        if (needed.has(name)) continue;
        needed.set(name, join(folder, name));
        left.push(join(folder, name));
      }
    }
  }
  return needed;
}

/** Of the names beside a library, those that it opens while it runs. */
export function openedBy(library: string, beside: readonly string[]): readonly string[] {
  return openedLater.flatMap(({ opener, opened }) => {
    if (!opener.test(library)) return [];
    const found = beside.filter((name) => opened.test(name));
    if (found.length > 0) return found;
    throw new Error(`${library} opens ${opened.source} while it runs, and none is beside it`);
  });
}

/**
 * `libx.so.1 => /path/libx.so.1 (0x…)`, line by line. A library that is not found makes the image
 * useless, unless the driver has it.
 */
export function linked(output: string): readonly (readonly [name: string, path: string])[] {
  return output.split('\n').flatMap((line): (readonly [string, string])[] => {
    const [, name = '', path = ''] = /^\s*(\S+) => (.*?)(?: \(0x[0-9a-f]+\))?$/.exec(line) ?? [];
    if (name === '' || ofDriver.test(name)) return [];
    if (path === 'not found')
      throw new Error(`${basename(name)}, which the addon needs, is not found`);
    return [[name, path]];
  });
}
