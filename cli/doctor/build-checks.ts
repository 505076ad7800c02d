// What `anneal run` computes with: the addon, libtorch, and the tools that build and fetch them.
// The tools are needed only until the addon is built.
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toAnnealError } from '../../crds/index.ts';
import type { Machine } from '../setup/machine.ts';
import { findPip } from '../setup/pip.ts';
import { findToolchain } from '../setup/toolchain.ts';
import { torchVersion } from '../setup/wheels.ts';
import { bytes } from '../terminal/numbers.ts';
import type { Check } from './check.ts';

const build = 'npm run native builds it';
const fetch = 'npm run native fetches it';

export async function checkAddon(checkout: string): Promise<Check> {
  const name = 'native addon';
  const path = join(checkout, 'worker/native/dist/anneal.node');
  if (!existsSync(path)) return { name, state: 'Failed', observed: 'not built', fix: build };
  const { mtime, size } = await stat(path);
  return {
    name,
    state: 'Passed',
    observed: `built ${mtime.toISOString().slice(0, 10)}, ${bytes(size)}`,
  };
}

/** An installed Python torch also works; setup finds it and records its path in the cache. */
export async function checkLibtorch(machine: Machine, cache: string): Promise<Check> {
  const name = 'libtorch';
  const given = machine.env['LIBTORCH'];
  if (given) {
    if (existsSync(given)) return { name, state: 'Passed', observed: `LIBTORCH is ${given}` };
    const fix = `unset LIBTORCH, then ${fetch}`;
    return { name, state: 'Failed', observed: `LIBTORCH is ${given}, which is not there`, fix };
  }
  const names = await readdir(cache).catch(() => []);
  const found =
    names.find((each) => each.startsWith(`libtorch-${torchVersion}-`)) ??
    names.find((each) => each === `installed-torch-${torchVersion}`);
  if (found !== undefined) return { name, state: 'Passed', observed: found };
  return { name, state: 'Failed', observed: `${torchVersion} is not in the cache`, fix: fetch };
}

export async function checkToolchain(machine: Machine, needed: boolean): Promise<Check> {
  return checkTool('C++ and CMake', needed, async () => {
    const { compilerVersion, cmake } = await findToolchain(machine);
    return `${compilerVersion}; ${cmake}`;
  });
}

export async function checkPip(machine: Machine, needed: boolean): Promise<Check> {
  return checkTool('pip', needed, async () => (await findPip(machine)).join(' '));
}

async function checkTool(
  name: string,
  needed: boolean,
  find: () => Promise<string>,
): Promise<Check> {
  try {
    return { name, state: 'Passed', observed: await find() };
  } catch (thrown) {
    const { message, hint } = toAnnealError(thrown);
    if (needed) return { name, state: 'Failed', observed: message, fix: hint };
    return { name, state: 'Unused', observed: `${message}; everything is built already` };
  }
}
