/**
 * Loads `.tsx` in development and tests: Node.js strips types but does not compile JSX.
 *
 * Only `.tsx` goes through esbuild. Node.js runs all other files from disk, so stack traces of
 * `.ts` files are exact without source maps.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire, getCompileCacheDir, registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.tsx')) return nextLoad(url, context);
    return { format: 'module', shortCircuit: true, source: compiled(fileURLToPath(url)) };
  },
});

/**
 * Cached beside the compile cache of Node.js, where there is one: starting esbuild takes longer
 * than everything else.
 */
function compiled(path: string): string {
  const source = readFileSync(path, 'utf8');
  const folder = getCompileCacheDir();
  if (folder === undefined) return compile(path, source);
  const digest = createHash('sha256').update(`${version} ${path}\n${source}`).digest('hex');
  const kept = join(folder, `tsx-${digest}.js`);
  if (existsSync(kept)) return readFileSync(kept, 'utf8');
  const code = compile(path, source);
  try {
    writeFileSync(`${kept}.${process.pid}`, code);
    renameSync(`${kept}.${process.pid}`, kept);
  } catch {
    // The folder is not writable: the next start compiles again.
  }
  return code;
}

/** Increment when the output for the same source changes. */
const version = 1;

function compile(path: string, source: string): string {
  const { code } = esbuild().transformSync(source, {
    loader: 'tsx',
    format: 'esm',
    jsx: 'automatic',
    target: 'node24',
    sourcefile: path,
    sourcemap: 'inline',
  });
  return code;
}

let loaded: typeof import('esbuild') | undefined;

/** Loaded on the first `.tsx`, so that processes without one do not pay for it. */
function esbuild(): typeof import('esbuild') {
  loaded ??= createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  return loaded;
}
