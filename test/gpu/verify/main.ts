// npm run gpu:verify: shows on a machine with a GPU what the emulated device cannot, within half an
// hour; one JSON file with all figures, and a table for docs/figures.md.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FoundDevices, findDevices } from '../../../cli/devices/find-devices.ts';
import { attempt } from '../../../cli/setup/attempt.ts';
import { ensureLibtorch, versionOf } from '../../../cli/setup/libtorch.ts';
import type { Machine } from '../../../cli/setup/machine.ts';
import { ensureNative } from '../../../cli/setup/native.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Card } from '../../../crds/devices/nvidia-smi.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { programVersion } from '../../../crds/names/version.ts';
import { installation } from '../training/installation.ts';
import { tableOf, type Verification, type Verified, verification } from './result.ts';
import { runStep } from './run-step.ts';
import { steps } from './step.ts';

const checkout = join(import.meta.dirname, '../../..');
const limitMinutes = 30;

await attempt(async (setup) => {
  const { values } = parseArgs({
    options: {
      /** Some of them, by their names. */
      steps: { type: 'string', default: Object.keys(steps).join(',') },
      out: { type: 'string', default: 'gpu-verify.json' },
      /** On the emulated device, to try the script itself. */
      emulated: { type: 'boolean', default: false },
      /** The least of each step. */
      sample: { type: 'boolean', default: false },
    },
  });
  const names = values.steps.split(',');
  const unknown = names.find((name) => !Object.hasOwn(steps, name));
  if (unknown !== undefined) throw noStep(unknown);
  const scratch = await mkdtemp(join(tmpdir(), 'anneal-verify-'));
  try {
    const result = await verify(setup, { ...values, names, scratch });
    await writeFile(values.out, `${JSON.stringify(result, null, 2)}\n`);
    process.stdout.write(`\n${tableOf(result)}`);
    setup.steps.note(`all figures are in ${values.out}`);
    return result.steps.some(({ outcome }) => outcome === 'Failed') ? 1 : 0;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
});

interface Asked {
  readonly names: readonly string[];
  readonly scratch: string;
  readonly emulated: boolean;
  readonly sample: boolean;
}

async function verify(setup: Setup, asked: Asked): Promise<Verification> {
  const began = new Date().toISOString();
  const variables = asked.emulated ? await emulated(setup, asked) : {};
  const machine: Pick<Machine, 'run' | 'env'> = {
    env: { ...setup.machine.env, ...variables },
    run: (file, args, options) => setup.machine.run(file, args, { ...options, env: variables }),
  };
  const devices = await findDevices(machine, checkout);
  const card = requireCard(devices);
  const libtorch = await libtorchOf(setup, asked);
  const { signal } = setup;
  const until = performance.now() + limitMinutes * 60_000;
  const flags = (['emulated', 'sample'] as const).filter((flag) => asked[flag]);
  const { scratch } = asked;
  const run = { scratch, flags, variables: { ...devices.variables, ...variables }, until, signal };
  const done: Verified[] = [];
  for (const name of asked.names) {
    done.push(await told(setup, name, () => runStep(name, run)));
  }
  const { name, bytes, driver, capability } = card;
  const device = { name, bytes, driver, capability, isEmulated: asked.emulated };
  return verification.parse({
    version: 1,
    began,
    anneal: programVersion,
    libtorch,
    device,
    steps: done,
  });
}

/** The installation that a program finds by these variables, on a card that nvidia-smi lists. */
async function emulated(setup: Setup, { scratch }: Asked) {
  await ensureNative(setup, checkout);
  return installation(join(scratch, 'installation'));
}

/** Builds the addon with its CUDA kernels, against the libtorch that there is. */
async function libtorchOf(setup: Setup, { emulated }: Asked): Promise<string> {
  const env = emulated ? setup.machine.env : { ...setup.machine.env, ANNEAL_CUDA: '1' };
  const building = { ...setup, machine: { ...setup.machine, env } };
  await ensureNative(building, checkout);
  return await versionOf(await ensureLibtorch(building));
}

async function told(setup: Setup, name: string, run: () => Promise<Verified>): Promise<Verified> {
  const step = await setup.steps.step('verify', steps[name]?.title ?? name, run);
  for (const words of step.failures) setup.steps.note(`failed: ${words}`);
  for (const words of step.leftOut) setup.steps.note(`left out: ${words}`);
  return step;
}

function requireCard({ cards: [card], why }: FoundDevices): Card {
  if (card !== undefined) return card;
  throw new UserError({
    code: 'E_USAGE',
    message: `gpu:verify needs a CUDA device, and this machine has none (${why})`,
    hint: 'anneal doctor shows what this machine has; --emulated tries the script without a GPU',
  });
}

function noStep(name: string): UserError {
  const known = Object.keys(steps).join(', ');
  return new UserError({
    code: 'E_USAGE',
    path: '--steps',
    value: name,
    message: `--steps has ${name || 'an empty name'}; there are ${known}`,
    hint: 'npm run gpu:verify -- --steps kernels,training',
  });
}
