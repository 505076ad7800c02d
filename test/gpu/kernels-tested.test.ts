// That no CUDA kernel is without a test on the emulated device, and none is missed silently: read
// from the sources.
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import test from 'ava';
import { deviceTests, onHost } from './device-tests.ts';
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

test('each operator of the processor has a CUDA kernel, or one for all devices', (t) => {
  const everywhere = new Set([
    ...registeredIn('CUDA'),
    ...registeredIn('CompositeExplicitAutograd'),
  ]);
  const own = registeredIn('CPU');
  t.true(own.length > 20);
  t.deepEqual(
    own.filter((name) => !everywhere.has(name)),
    [],
  );
});

test('what runs on the host for a device is registered for it by the C++ of the processor', (t) => {
  t.deepEqual(registeredIn('CUDA', /\.cc$/), [...onHost]);
});
