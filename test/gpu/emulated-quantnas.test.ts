// A step of networks that are searched and found on the emulated device: what the processor has,
// with every tape that a device may keep.
import test from 'ava';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { quantNasSource } from '../toy/quantnas.ts';
import { foundJson, supernetJson } from '../toy/quantnas-json.ts';
import { pairSequence } from '../toy/restoration.ts';

await import('./on-device.ts');

const batch = [pairSequence([1, 2]), pairSequence([4], { height: 7, width: 3, key: 1 })];
const networks = {
  'searched with noise': quantNasSource(supernetJson()),
  'searched with rounding': quantNasSource(supernetJson(), { surrogate: 'Rounding' }),
  found: quantNasSource(foundJson()),
};

for (const [name, source] of Object.entries(networks)) {
  test.serial(`a network that is ${name} has the gradients of the processor on a device`, (t) => {
    hasGradientsOfProcessor(t, source, batch, { sequenceLength: undefined });
  });
}
