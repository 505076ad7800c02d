/**
 * Loads `.tsx` while developing and in tests: Node strips types but does not compile JSX.
 *
 * Only `.tsx` goes through esbuild; everything else is run by Node as it lies on disk, so stack
 * traces of `.ts` files stay true without source maps.
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
 * Kept beside what Node.js compiled, where it keeps anything: starting esbuild takes longer than
 * all the rest.
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
    // A folder that cannot be written: the next start compiles again.
  }
  return code;
}

/** Raised when what is made of a source changes. */
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

/** esbuild is required on the first `.tsx`, so that processes without one do not pay for it. */
function esbuild(): typeof import('esbuild') {
  loaded ??= createRequire(import.meta.url)('esbuild') as typeof import('esbuild');
  return loaded;
}
