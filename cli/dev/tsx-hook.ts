/**
 * Loads `.tsx` while developing and in tests: Node strips types but does not compile JSX.
 *
 * Only `.tsx` goes through esbuild; everything else is run by Node as it lies on disk, so stack
 * traces of `.ts` files stay true without source maps.
 */
import { readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.tsx')) return nextLoad(url, context);
    return { format: 'module', shortCircuit: true, source: compile(fileURLToPath(url)) };
  },
});

function compile(path: string): string {
  const { code } = esbuild().transformSync(readFileSync(path, 'utf8'), {
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
