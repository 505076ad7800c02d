/** Operators of our kernels as their sources register them. */
import { readSources } from '../architecture/sources.ts';

export const kernelSources = readSources().filter(({ path }) =>
  /^worker\/native\/kernels\/.*\.(cc|cu)$/.test(path),
);

/** Operators by dispatch key, as TORCH_LIBRARY_IMPL(anneal, KEY, m) registers them in files. */
export function registeredIn(key: string, files = /./): readonly string[] {
  const block = new RegExp(`TORCH_LIBRARY_IMPL\\(anneal, ${key}, m\\) \\{([^}]*)\\}`, 'g');
  return kernelSources
    .filter(({ path }) => files.test(path))
    .flatMap(({ text }) =>
      [...text.matchAll(block)].flatMap(([, body = '']) =>
        [...body.matchAll(/m\.impl\("(\w+)"/g)].map(([, name = '']) => name),
      ),
    );
}
