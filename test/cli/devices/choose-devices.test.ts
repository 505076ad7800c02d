import test from 'ava';
import {
  type AskedDevice,
  chooseDevices,
  needsLooking,
} from '../../../cli/devices/choose-devices.ts';
import type { FoundDevices } from '../../../cli/devices/find-devices.ts';
import { readCards } from '../../../crds/devices/nvidia-smi.ts';
import { aSpec, type Changes } from '../../builders/job.ts';
import { cardLine } from '../../doubles/nvidia-smi.ts';

function machineWith(count: number, more: Partial<FoundDevices> = {}): FoundDevices {
  const lines = Array.from({ length: count }, (_, index) => cardLine({ index }));
  const why = count === 0 ? 'nvidia-smi lists none' : undefined;
  return { ...readCards(lines.join('\n')), why, hasKernels: true, variables: {}, ...more };
}

const onDevices = { 'worker.devicesPerWorker': 1 };
const tf32: Changes = {
  method: { preset: 'Full', precision: { type: 'Float32', float32: { products: 'TF32' } } },
};

function chosen(asked: AskedDevice, changes: Changes, cards: FoundDevices, workers?: number) {
  return chooseDevices(asked, aSpec(changes), workers, cards);
}

test('auto is what the job asks for: devices where it has some, else the processor', (t) => {
  t.deepEqual(chosen('auto', onDevices, machineWith(2)), { devices: ['cuda:0'] });
  t.deepEqual(chosen('auto', {}, machineWith(2)), { devices: ['cpu'] });
  t.deepEqual(chosen('cpu', onDevices, machineWith(2)), { devices: ['cpu'] });
  t.deepEqual(chosen('cuda:1', {}, machineWith(2)), { devices: ['cuda:1'] });
});

test('each of several workers has a device of its own', (t) => {
  t.deepEqual(chosen('auto', onDevices, machineWith(3), 2).devices, ['cuda:0', 'cuda:1']);
  t.deepEqual(chosen('auto', {}, machineWith(3), 2).devices, ['cpu', 'cpu']);
  t.throws(() => chosen('auto', onDevices, machineWith(1), 2), {
    message: '--workers is 2, and this machine has one CUDA device; each worker needs its own',
  });
  t.throws(() => chosen('cuda:0', onDevices, machineWith(2), 2), {
    message: /--workers is 2, and --device is cuda:0, which is one device/,
  });
});

test('without a number of workers a job has the devices of its own, or those that there are', (t) => {
  const three = { 'worker.devicesPerWorker': 3 };
  t.deepEqual(chosen('auto', three, machineWith(4)), { devices: ['cuda:0', 'cuda:1', 'cuda:2'] });
  t.deepEqual(chosen('auto', three, machineWith(2)), {
    devices: ['cuda:0', 'cuda:1'],
    note: 'spec.worker.devicesPerWorker is 3, and this machine has 2 CUDA devices: training on these',
  });
  t.deepEqual(chosen('auto', three, machineWith(1)), {
    devices: ['cuda:0'],
    note: 'spec.worker.devicesPerWorker is 3, and this machine has one CUDA device: training on it',
  });
  t.deepEqual(chosen('auto', three, machineWith(4), 1), { devices: ['cuda:0'] });
  t.deepEqual(chosen('cuda:1', three, machineWith(4)), { devices: ['cuda:1'] });
  t.deepEqual(chosen('cpu', three, machineWith(4)), { devices: ['cpu'] });
  const none = chosen('auto', three, machineWith(0));
  t.deepEqual(none.devices, ['cpu']);
  t.regex(none.note ?? '', /^spec.worker.devicesPerWorker is 3, and this machine has no CUDA dev/);
});

test('without devices, or without kernels for them, auto is the processor and says why', (t) => {
  const none = chosen('auto', onDevices, machineWith(0), 2);
  t.deepEqual(none.devices, ['cpu', 'cpu']);
  t.is(
    none.note,
    'spec.worker.devicesPerWorker is 1, and this machine has no CUDA device (nvidia-smi lists none): training on the processor',
  );
  const { devices, note } = chosen('auto', onDevices, machineWith(1, { hasKernels: false }));
  t.deepEqual(devices, ['cpu']);
  t.regex(note ?? '', /this installation has no CUDA kernels: training on the processor; ANNEAL_/);
});

test('a device that is asked for by name and not there is refused', (t) => {
  const refusals: readonly [FoundDevices, string, string][] = [
    [
      machineWith(0),
      'E_USAGE',
      '--device is cuda:2, and this machine has no CUDA device (nvidia-smi lists none)',
    ],
    [machineWith(1), 'E_USAGE', '--device is cuda:2, and this machine has one CUDA device: cuda:0'],
    [
      machineWith(2),
      'E_USAGE',
      '--device is cuda:2, and this machine has 2 CUDA devices: cuda:0, cuda:1',
    ],
    [
      machineWith(3, { hasKernels: false }),
      'E_SETUP',
      '--device is cuda:2, and this installation has no CUDA kernels',
    ],
  ];
  for (const [found, code, message] of refusals) {
    const error = t.throws(() => chosen('cuda:2', onDevices, found));
    t.like(error, { code, message });
    t.truthy((error as { hint?: string }).hint);
  }
});

test('a card that the kernels do not run on is not used, and refused where it is named', (t) => {
  const cards = readCards([cardLine(), cardLine({ index: 1, capability: '7.5' })].join('\n'));
  const found = { ...machineWith(0), ...cards, why: undefined };
  t.deepEqual(chosen('auto', onDevices, found), { devices: ['cuda:0'] });
  const message =
    /cuda:1 has compute capability 7\.5; the CUDA kernels are for 8\.x, 9\.0, 10\.x and 12\.x$/;
  t.like(
    t.throws(() => chosen('cuda:1', {}, found), { message }),
    { code: 'E_SETUP' },
  );
  const { devices, note } = chosen('auto', onDevices, found, 2);
  t.deepEqual(devices, ['cpu', 'cpu']);
  t.regex(note ?? '', /and cuda:1 has compute capability 7\.5; .*: training on the processor/);
});

test('TF32 is refused where the processor was asked for, and told where it is what is left', (t) => {
  for (const [asked, changes] of [
    ['cpu', { ...tf32, ...onDevices }],
    ['auto', tf32],
  ] as const) {
    t.throws(() => chosen(asked, changes, machineWith(1)), {
      message: /^spec\.method\.precision\.float32\.products is TF32, and .*processor/,
    });
  }
  t.deepEqual(chosen('auto', { ...tf32, ...onDevices }, machineWith(1)).devices, ['cuda:0']);
  t.deepEqual(chosen('cuda:0', tf32, machineWith(1)).devices, ['cuda:0']);
  const { note } = chosen('auto', { ...tf32, ...onDevices }, machineWith(0));
  t.regex(note ?? '', /on the processor, where products of float32 are exact$/);
});

test('the machine is looked at only where the choice depends on it', (t) => {
  t.false(needsLooking('cpu', aSpec(onDevices)));
  t.false(needsLooking('auto', aSpec()));
  t.true(needsLooking('auto', aSpec(onDevices)));
  t.true(needsLooking('cuda:0', aSpec()));
});
