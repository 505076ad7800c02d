/**
 * The Python environment in which transformers, PEFT and TRL judge our results: made on first use,
 * kept in the cache under the digest of everything that it is made of.
 *
 * torch comes without the NVIDIA libraries that its wheel asks for (stubs.ts), unless
 * ANNEAL_CUDA=1.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureEntry } from '../../cli/setup/entry.ts';
import { fetchWheel } from '../../cli/setup/fetch-wheel.ts';
import { systemOf } from '../../cli/setup/libtorch.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { megabytes } from '../../cli/setup/steps.ts';
import { libtorchWheels, torchVersion } from '../../cli/setup/wheels.ts';
import {
  findPython,
  makeVenv,
  mustRun,
  type Python,
  pipInstall,
  pythonOf,
  sitePackages,
} from './python.ts';
import { makeStubs } from './stubs.ts';

export interface Peers {
  /**
   * An interpreter with torch, transformers, peft, trl, diffusers, safetensors, gguf, numpy, Pillow
   * and jiwer.
   */
  readonly python: string;
}

/** Folder of the libraries of their torch, which is built with CUDA. */
export async function torchLibOf(setup: Setup, { python }: Peers): Promise<string> {
  const find = "import importlib.util; print(importlib.util.find_spec('torch').origin)";
  return join(dirname((await mustRun(setup, python, ['-c', find])).trim()), 'lib');
}

/** Goes up when an environment is made differently from the same requirements. */
const recipe = 'peers 1';

export async function ensurePeers(setup: Setup): Promise<Peers> {
  const python = await findPython(setup);
  const requirements = join(import.meta.dirname, 'peers.txt');
  const withCuda = setup.machine.env['ANNEAL_CUDA'] === '1';
  const key = createHash('sha256')
    .update(JSON.stringify([recipe, python.tag, torchVersion, setup.machine.arch, withCuda]))
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const venv = await ensureEntry(setup, {
    folder: join(setup.cache.root, `peers-${key}`),
    bytes: (withCuda ? 12 : 4) * 1e9,
    async make(staging) {
      await makeVenv(setup, python, staging);
      await addTorch(setup, python, staging, withCuda);
      const text = 'installing transformers, PEFT, TRL and what they need, about 200 MB';
      await setup.steps.step('peers', text, () =>
        pipInstall(setup, staging, ['--no-deps', '-r', requirements]),
      );
    },
  });
  return { python: pythonOf(venv) };
}

async function addTorch(
  setup: Setup,
  python: Python,
  venv: string,
  withCuda: boolean,
): Promise<void> {
  if (withCuda) {
    const text = `installing torch ${torchVersion} with its CUDA libraries, 3 GB`;
    return setup.steps.step('peers', text, () =>
      pipInstall(setup, venv, [`torch==${torchVersion}`]),
    );
  }
  const wheels = libtorchWheels[systemOf(setup)];
  const size = megabytes(wheels.reduce((sum, { bytes }) => sum + bytes, 0));
  await setup.steps.step('peers', `installing torch ${torchVersion}, ${size}`, async () => {
    const scratch = join(venv, 'wheels');
    await mkdir(scratch);
    for (const wheel of wheels) {
      // The pinned torch wheel is one for cp311; another Python takes the one that pip chooses.
      const pinned = wheel.name !== 'torch' || python.tag === 'cp311';
      const what = pinned ? await fetchWheel(setup, wheel, scratch) : `torch==${torchVersion}`;
      await pipInstall(setup, venv, ['--no-deps', what]);
    }
    await rm(scratch, { recursive: true });
    const packages = sitePackages(venv, python);
    if (setup.machine.platform === 'linux') {
      await makeStubs(setup, join(packages, 'torch/lib'), join(packages, 'nvidia/cu13/lib'));
    }
  });
}
