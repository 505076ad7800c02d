// One pod with a GPU for each preset that has figures on processors: it trains there and ends with
// the bits of the same file on a device of this machine.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { devicePresets } from '../../methods/device-presets.ts';
import { writeToyJob } from '../../toy/toy-job.ts';
import { onThisMachine, statusOf, untilComplete } from '../a-real-job.ts';
import { kubectl } from '../access.ts';
import { loadDeviceImage } from '../installed.ts';
import { test } from '../our-cluster.ts';
import { aSharedFolder } from '../shared-folder.ts';
import type { SharedRelease } from '../shared-release.ts';
import { installedDevices } from './devices.ts';

export function presetsOnDevices(release: SharedRelease): void {
  test(
    'a pod with a GPU trains each preset as a device of this machine does',
    release.turn(eachPreset),
  );
}

async function eachPreset(t: ExecutionContext, namespace: string): Promise<void> {
  await loadDeviceImage();
  const variables = await installedDevices(t, 1);
  const folders = new Map<string, string>();
  for (const [name, method] of Object.entries(devicePresets)) {
    folders.set(name, await submitted(namespace, name, method));
  }
  for (const [name, folder] of folders) {
    await untilComplete(t, namespace, name);
    t.is((await statusOf(namespace, name)).progress?.step, 4, name);
    const here = await onThisMachine(t, folder, 1, variables, { claim: name });
    t.deepEqual(digestsBelow(join(folder, 'out')), here, name);
  }
}

/** The folder of the job's claim. */
async function submitted(
  namespace: string,
  name: string,
  method: Readonly<Record<string, unknown>>,
): Promise<string> {
  const folder = await aSharedFolder(namespace, name);
  const { file } = await writeToyJob(folder, {
    ...{ name, claim: name, method },
    sizes: { vocab_size: 320 },
    dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
    training: { maxSteps: 4, globalBatchSize: 2, learningRate: '1e-3' },
    checkpoint: { intervalSteps: 2 },
    failurePolicy: { hangTimeoutSeconds: 120 },
    worker: {
      ...{ devicesPerWorker: 1, deviceMemory: '1Gi' },
      env: [{ name: 'OMP_NUM_THREADS', value: '1' }],
    },
  });
  await chmod(join(folder, 'out'), 0o777);
  await kubectl(['-n', namespace, 'apply', '-f', file]);
  return folder;
}
