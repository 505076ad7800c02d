// Anneal as people install it: the chart, by a real Helm, with the images of this checkout, in
// charge of the namespaces of a test.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { thisSetup } from '../../cli/setup/setup.ts';
import { mergePatched } from '../doubles/kube/patches.ts';
import { deviceImageName, ensureDeviceImage } from '../setup/device-image.ts';
import { helm } from '../setup/helm.ts';
import { ensureImages, imageName } from '../setup/images.ts';
import { aNamespace, type Closing, kubeconfig, kubectl, programs } from './access.ts';

const chart = join(import.meta.dirname, '../../charts/anneal');
const scripts = join(import.meta.dirname, '../setup/cluster');

/** Puts the images of operator and workers on every node of our cluster. */
export async function loadImages(): Promise<void> {
  if (programs === undefined) throw new Error('images can only be put on a cluster of our own');
  const setup = thisSetup(new AbortController().signal);
  const { operator, worker } = await ensureImages(setup, programs);
  const env = { CLUSTER_PROGRAMS: programs };
  await execa(join(scripts, 'load.sh'), [operator, worker], { env });
}

/** That of workers on devices, beside the others. */
export async function loadDeviceImage(): Promise<void> {
  if (programs === undefined) throw new Error('images can only be put on a cluster of our own');
  const setup = thisSetup(new AbortController().signal);
  const { worker } = await ensureImages(setup, programs);
  const env = { CLUSTER_PROGRAMS: programs };
  await execa(join(scripts, 'load.sh'), [await ensureDeviceImage(setup, worker)], { env });
}

const image = (repository: string, tag: string) => ({ repository, tag, pullPolicy: 'Never' });

/** A test tells more when it fails. */
type Telling = Partial<Pick<ExecutionContext, 'passed' | 'log'>>;

interface Release {
  readonly namespace: string;
  /** `helm upgrade` with some values changed, and flags for it. */
  upgrade(changes: object, flags?: readonly string[]): Promise<void>;
  /** `helm rollback` to the revision before. */
  rollback(): Promise<void>;
  uninstall(): Promise<void>;
}

/**
 * A release in a namespace of its own; jobs are run in `jobs` alone. Gone with the test, or with
 * the file.
 */
export async function installAnneal(
  t: Closing & Telling,
  jobs: string | readonly string[],
  changes: object = {},
): Promise<Release> {
  const namespace = await aNamespace(t);
  const program = await helm();
  const run = (args: readonly string[], values: unknown) =>
    execa(program, ['--kubeconfig', kubeconfig, '--namespace', namespace, ...args], {
      input: stringify(values),
    });
  // Helm merges values as RFC 7386 merges objects.
  const values = mergePatched(valuesFor([jobs].flat()), changes);
  const settled = ['anneal', chart, '--values', '-', '--wait', '--timeout', '600s'];
  const uninstall = async (flags: readonly string[]) => {
    await run(['uninstall', 'anneal', '--ignore-not-found', ...flags], {});
  };
  // Its pods go with the namespace, while others go on.
  t.teardown(() => uninstall([]));
  await run(['install', ...settled], values);
  t.teardown(async () => {
    if (t.passed !== false) return;
    const log = await kubectl(
      ['-n', namespace, 'logs', 'deployment/anneal-operator', '--tail', '60'],
      { mayFail: true },
    );
    t.log?.(log.stdout);
  });
  return {
    ...{ namespace, uninstall: () => uninstall(['--wait']) },
    rollback: async () => {
      await run(['rollback', 'anneal', '--wait', '--timeout', '600s'], {});
    },
    upgrade: async (more, flags = []) => {
      await run(['upgrade', ...settled, ...flags], mergePatched(values, more));
    },
  };
}

/** One server of each kind, with the images of this checkout. */
function valuesFor(namespaces: readonly string[]) {
  const [operator = '', tag = ''] = imageName('operator').split(':');
  const [worker = ''] = imageName('worker').split(':');
  const [device = ''] = deviceImageName.split(':');
  return {
    operator: { replicas: 1, namespaces, image: image(operator, tag) },
    jobs: { image: image(worker, tag), devices: { image: image(device, tag) } },
    nats: { replicas: 1, image: image('localhost/nats', '1'), storage: { ephemeral: true } },
    bus: { auth: { responder: { replicas: 1 } } },
    crds: { install: false },
    aggregatedRoles: { enabled: false },
  };
}
