// CUDA devices of this machine: driver, cards, kernels, toolkit, and what would train. Nothing here
// fails: without devices jobs train on the processor.
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unfitness } from '../../crds/devices/fitness.ts';
import type { Card } from '../../crds/devices/nvidia-smi.ts';
import { findDevices, kernelsPath } from '../devices/find-devices.ts';
import type { Machine } from '../setup/machine.ts';
import { bytes } from '../terminal/numbers.ts';
import type { Check } from './check.ts';

const buildKernels = 'ANNEAL_CUDA=1 npm run native builds them';

export async function deviceChecks(machine: Machine, checkout: string): Promise<readonly Check[]> {
  const { cards, why, hasKernels } = await findDevices(machine, checkout);
  const [first] = cards;
  if (first === undefined) {
    const observed = `none (${why}); jobs train on the processor`;
    return [{ name: 'CUDA devices', state: 'Unused', observed }];
  }
  const path = kernelsPath(machine.env, checkout);
  const kernels = hasKernels ? await builtKernels(path) : noKernels;
  return [
    { name: 'NVIDIA driver', state: 'Passed', observed: first.driver },
    ...cards.map(checkCard),
    ...(why === undefined ? [] : [hidden(why)]),
    kernels,
    ...(hasKernels ? [await checkNccl(machine, path)] : []),
    await checkToolkit(machine, !hasKernels),
    checkUse(cards, hasKernels),
  ];
}

function checkCard(card: Card, number: number): Check {
  const name = `cuda:${number}`;
  const memory = card.isDivided
    ? 'one instance of it (MIG)'
    : card.bytes === undefined
      ? 'memory shared with the host'
      : bytes(card.bytes);
  const observed = `${card.name}, ${memory}, compute capability ${card.capability}`;
  const unfit = unfitness(card);
  if (unfit === undefined) return { name, state: 'Passed', observed };
  return { name, state: 'Warning', observed, fix: `${name} ${unfit}` };
}

function hidden(why: string): Check {
  return { name: 'CUDA devices', state: 'Warning', observed: why };
}

const noKernels: Check = {
  ...{ name: 'CUDA kernels', state: 'Warning', observed: 'not built' },
  fix: buildKernels,
};

async function builtKernels(path: string): Promise<Check> {
  const { mtime, size } = await stat(path);
  const observed = `built ${mtime.toISOString().slice(0, 10)}, ${bytes(size)}`;
  return { name: 'CUDA kernels', state: 'Passed', observed };
}

const limit = { ms: 10_000, bytes: 2 ** 16 };

async function checkToolkit(machine: Machine, isNeeded: boolean): Promise<Check> {
  const name = 'CUDA toolkit';
  const folder = machine.env['CUDA_HOME'] || '/usr/local/cuda';
  const nvcc = join(folder, 'bin/nvcc');
  const state = isNeeded ? 'Warning' : 'Unused';
  const use = isNeeded ? '' : '; the kernels are built already';
  if (!existsSync(nvcc)) {
    const observed = `${nvcc} does not exist${use}`;
    if (!isNeeded) return { name, state, observed };
    return { name, state, observed, fix: 'install a CUDA 13 toolkit, or set CUDA_HOME to it' };
  }
  const ran = await machine.run(nvcc, ['--version'], { limit });
  const said = ran.kind === 'ended' && ran.ok ? ran.stdout.slice(0, 10_000) : '';
  const [, release] = /release (\d{1,3}\.\d{1,3})/.exec(said) ?? [];
  if (release !== undefined) return { name, state: 'Passed', observed: `${release} in ${folder}` };
  return { name, state, observed: `${nvcc} does not tell its version` };
}

/**
 * The library that a worker would find: the one that libtorch's CUDA part is linked to. Its version
 * is a text in it.
 */
async function checkNccl(machine: Machine, kernels: string): Promise<Check> {
  const name = 'NCCL';
  if (machine.env['USE_NCCL'] === '0') {
    return { name, state: 'Unused', observed: `USE_NCCL is 0; ${throughHost}` };
  }
  const linked = await machine.run('ldd', [kernels], { limit });
  const said = linked.kind === 'ended' ? linked.stdout : '';
  const [, path] = /libnccl\.so\.2 => (\/\S+)/.exec(said) ?? [];
  if (path === undefined) return { name, state: 'Unused', observed: `not found; ${throughHost}` };
  const version = 'NCCL version [0-9]+\\.[0-9]+\\.[0-9]+';
  const found = await machine.run('grep', ['-aoE', '-m1', version, path], { limit });
  const [number] = /[\d.]+/.exec(found.kind === 'ended' ? found.stdout : '') ?? ['version unknown'];
  return { name, state: 'Passed', observed: `${number} in ${dirname(path)}` };
}

const throughHost = 'devices of several workers exchange through the host';

/** What `--device auto` would give a job. */
function checkUse(cards: readonly Card[], hasKernels: boolean): Check {
  const name = 'training';
  const fit = cards.flatMap((card, number) => (unfitness(card) ? [] : [`cuda:${number}`]));
  if (!hasKernels || fit.length === 0) {
    return { name, state: 'Warning', observed: 'on the processor, whatever a job asks for' };
  }
  const observed = `on ${fit.join(', ')} where worker.devicesPerWorker is 1 or more`;
  return { name, state: 'Passed', observed };
}
