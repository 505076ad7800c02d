import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { cudaKernelsFile } from '../../../crds/devices/fitness.ts';
import {
  checkDevices,
  type DeviceFacts,
  deviceVerdict,
} from '../../../worker/supervisor/device-check.ts';
import { type CardLine, cardLine } from '../../doubles/nvidia-smi.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const ended = (ok: boolean, stdout: string, stderr = ''): DeviceFacts => ({
  ...{ wanted: 1, hasKernels: true },
  smi: { type: 'Ended', ok, stdout, stderr },
});
const listing = (...cards: readonly CardLine[]) =>
  ended(true, `${cards.map(cardLine).join('\n')}\n`);

function unfit(t: import('ava').ExecutionContext, facts: DeviceFacts) {
  const verdict = deviceVerdict(facts);
  if (verdict.type === 'Fit') return t.fail(verdict.message);
  return verdict.failure;
}

test('a device that kernels run on is told with its driver', (t) => {
  t.deepEqual(deviceVerdict(listing({})), {
    type: 'Fit',
    message: 'cuda:0 is NVIDIA H100 80GB HBM3 of 79.6 GiB, driver 580.65.06',
    product: 'NVIDIA H100 80GB HBM3',
  });
  t.like(deviceVerdict(listing({}, { index: 1 })), {
    message:
      'cuda:0 is NVIDIA H100 80GB HBM3 of 79.6 GiB, driver 580.65.06, the first of 2 devices that the pod sees',
  });
});

test('of several devices each must be there and fit', (t) => {
  const two = { ...listing({}, { index: 1 }), wanted: 2 };
  t.like(deviceVerdict(two), {
    message: 'cuda:0 to cuda:1 are each NVIDIA H100 80GB HBM3 of 79.6 GiB, driver 580.65.06',
  });
  t.like(deviceVerdict({ ...listing({}, { index: 1 }, { index: 2, name: 'Other' }), wanted: 2 }), {
    message:
      'cuda:0 to cuda:1 are each NVIDIA H100 80GB HBM3 of 79.6 GiB, driver 580.65.06, the first 2 of 3 devices that the pod sees',
  });
  t.like(deviceVerdict({ ...listing({}, { index: 1, name: 'Other' }), wanted: 2 }), {
    message:
      'cuda:0 is NVIDIA H100 80GB HBM3 of 79.6 GiB, driver 580.65.06; cuda:1 is Other of 79.6 GiB, driver 580.65.06',
  });
  const few = unfit(t, { ...listing({}), wanted: 2 });
  t.like(few, { code: 'E_NO_DEVICE', exitCode: 78 });
  t.regex(few?.message ?? '', /^the pod sees 1 of the 2 CUDA devices of spec.worker.devicesPer/);
  const second = unfit(t, { ...listing({}, { index: 1, capability: '7.5' }), wanted: 2 });
  t.regex(second?.message ?? '', /^cuda:1, NVIDIA H100 80GB HBM3, has compute capability 7.5/);
  const divided = unfit(t, { ...listing({ mig: 'Enabled' }), wanted: 2 });
  t.regex(divided?.message ?? '', /a process sees one instance of a divided device \(MIG\)/);
});

test('an image without CUDA ends the job with its sentence, whatever the node has', (t) => {
  const failure = unfit(t, { ...listing({}), hasKernels: false });
  t.like(failure, { code: 'E_IMAGE_WITHOUT_CUDA', retry: 'Permanent', exitCode: 78 });
  t.regex(failure?.message ?? '', /the image has no CUDA kernels; .* -cuda/);
});

test('a driver that is too old, and a device without kernels, are told', (t) => {
  const old = unfit(t, listing({ driver: '550.54.15' }));
  t.like(old, { code: 'E_DEVICE_UNFIT', retry: 'Permanent', exitCode: 78 });
  t.is(
    old?.message,
    'cuda:0, NVIDIA H100 80GB HBM3, has driver 550.54.15; CUDA 13 needs 580 or newer',
  );
  t.like(unfit(t, listing({ capability: '7.5' })), { code: 'E_DEVICE_UNFIT' });
});

test('a pod without a device says why', (t) => {
  for (const facts of [
    ended(true, 'No devices were found\n'),
    ended(false, '', 'No devices were found\n'),
    ended(
      false,
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure…",
    ),
    ended(true, ''),
  ]) {
    const failure = unfit(t, facts);
    t.like(failure, { code: 'E_NO_DEVICE', retry: 'Permanent', exitCode: 78 });
    t.regex(failure?.message ?? '', /^the pod sees no CUDA device \(.*runtimeClassName/);
  }
});

test('a device that is lost, and a driver that hangs, are faults of the node', (t) => {
  const words =
    'Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU';
  t.like(unfit(t, ended(false, `${words}\n`)), { code: 'E_DEVICE_LOST', retry: 'Counted' });
  const hangs = { wanted: 1, hasKernels: true, smi: { type: 'Silent', seconds: 20 } } as const;
  t.like(unfit(t, hangs), {
    code: 'E_DEVICE_LOST',
    message: 'nvidia-smi gave no answer within 20 s',
  });
});

test('where nvidia-smi is missing or prints other things, the trainer finds out', (t) => {
  t.is(deviceVerdict({ wanted: 1, hasKernels: true, smi: { type: 'Missing' } }).type, 'Fit');
  const divided = cardLine({ memory: '[Insufficient Permissions]', mig: 'Enabled' });
  t.like(deviceVerdict(ended(true, divided)), { product: 'NVIDIA H100 80GB HBM3' });
  t.is(deviceVerdict(ended(true, '0, [N/A], [N/A], ?, ?, ?, x')).type, 'Fit');
});

test('kernels are looked for beside the addon', async (t) => {
  await using folder = await temporaryFolder();
  const addon = join(folder.path, 'anneal.node');
  t.like(await checkDevices(1, addon), { failure: { code: 'E_IMAGE_WITHOUT_CUDA' } });
  await writeFile(join(folder.path, cudaKernelsFile), '');
  const found = await checkDevices(1, addon);
  t.not(found.type === 'Unfit' ? found.failure.code : '', 'E_IMAGE_WITHOUT_CUDA');
});
