// That no CUDA kernel is without a test on the emulated device, and none is missed silently: read
// from the sources.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import test from 'ava';
import { deviceTests, onHost, processorOnly } from './device-tests.ts';
import { kernelSources, registeredIn } from './registered.ts';

test('each folder with a CUDA source has a test that runs on the emulated device', (t) => {
  const folders = kernelSources
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
  const everywhere = new Set([
    ...registeredIn('CUDA'),
    ...registeredIn('CompositeExplicitAutograd'),
  ]);
  const bare = registeredIn('CPU').filter((name) => !everywhere.has(name));
  t.deepEqual(bare.toSorted(), [...processorOnly]);
});

test('what runs on the host for a device is registered for it by the C++ of the processor', (t) => {
  t.deepEqual(registeredIn('CUDA', /\.cc$/), [...onHost]);
});
