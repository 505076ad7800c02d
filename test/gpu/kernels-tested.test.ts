// That no CUDA kernel is without a test on the emulated device, and none is missed silently: read
// from the sources.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import test from 'ava';
import { readSources } from '../architecture/sources.ts';
import { deviceTests, onHost, processorOnly } from './device-tests.ts';

const sources = readSources().filter(({ path }) =>
  /^worker\/native\/kernels\/.*\.(cc|cu)$/.test(path),
);

/** Operators by dispatch key, as TORCH_LIBRARY_IMPL(anneal, KEY, m) registers them. */
function registered(key: string, files = sources): readonly string[] {
  const block = new RegExp(`TORCH_LIBRARY_IMPL\\(anneal, ${key}, m\\) \\{([^}]*)\\}`, 'g');
  return files.flatMap(({ text }) =>
    [...text.matchAll(block)].flatMap(([, body = '']) =>
      [...body.matchAll(/m\.impl\("(\w+)"/g)].map(([, name = '']) => name),
    ),
  );
}

test('each folder with a CUDA source has a test that runs on the emulated device', (t) => {
  const folders = sources
    .filter(({ path }) => path.endsWith('.cu'))
    .map(({ path }) => basename(dirname(path)));
  t.true(folders.length > 10);
  const tested: readonly string[] = Object.keys(deviceTests);
  t.deepEqual(
    folders.filter((name) => !tested.includes(name)),
    [],
  );
  t.deepEqual(
    Object.values(deviceTests).filter((path) => !existsSync(path)),
    [],
  );
});

test('an operator of the processor has a CUDA kernel, or stands in the list of those that have none', (t) => {
  const everywhere = new Set([...registered('CUDA'), ...registered('CompositeExplicitAutograd')]);
  const bare = registered('CPU').filter((name) => !everywhere.has(name));
  t.deepEqual(bare.toSorted(), [...processorOnly]);
});

test('what runs on the host for a device is registered for it by the C++ of the processor', (t) => {
  const cc = sources.filter(({ path }) => path.endsWith('.cc'));
  t.deepEqual(registered('CUDA', cc), [...onHost]);
});
