import test from 'ava';
import {
  type DeviceMemoryFacts,
  outOfDeviceMemory,
} from '../../../crds/plan/out-of-device-memory.ts';

const gib = 2 ** 30;

const facts: DeviceMemoryFacts = {
  ...{ device: 'cuda:0', totalBytes: 79 * gib, contextBytes: 0.6 * gib },
  ...{ reservedBytes: 78 * gib, allocatedBytes: 74.5 * gib },
  plan: {
    parts: {
      ...{ weights: 15 * gib, optimizer: 30 * gib, gradients: 8 * gib },
      ...{ activations: 20 * gib, workspace: 2 * gib },
    },
    peak: 75 * gib,
  },
};

test('a device without memory is told with what is reserved and what was planned', (t) => {
  const { code, message, hint } = outOfDeviceMemory(facts);
  t.is(code, 'E_DEVICE_OUT_OF_MEMORY');
  t.is(
    message,
    'cuda:0 has no memory left of 79.0 GiB: 78.0 GiB are reserved, 74.5 GiB of them in tensors; the plan was 75.0 GiB: weights 15.0 GiB, optimizer state 30.0 GiB, gradients 8.0 GiB, activations 20.0 GiB, work space 2.0 GiB',
  );
  t.regex(hint, /activationRecomputation: Full/);
});

test('memory of other programs is told apart from that of the job', (t) => {
  const { message, hint } = outOfDeviceMemory({
    ...facts,
    ...{ reservedBytes: 40 * gib, allocatedBytes: 39 * gib, freeBytes: 0.1 * gib },
  });
  t.regex(message, /39\.0 GiB of them in tensors, and other programs hold 38\.3 GiB; the plan was/);
  t.regex(hint, /nvidia-smi lists them/);
  const own = outOfDeviceMemory({ ...facts, freeBytes: 0.1 * gib });
  t.notRegex(own.message, /other programs/);
});
