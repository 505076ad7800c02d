// The base as the first argument names it, and what flags name beside it: of each command that
// takes a base and adapters.
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { UserError } from '../../../crds/index.ts';
import type { DeviceName } from '../../../crds/names/device-name.ts';
import type { Composition } from '../../../crds/serve/compositions.ts';
import { servedName } from '../../../crds/serve/served-name.ts';
import type { AskedDevice } from '../../devices/choose-devices.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { thisMachine } from '../../setup/machine.ts';
import { checkout } from '../local-work/place.ts';
import type { AskedComposition } from './compose-flag.ts';
import { composed } from './compositions.ts';

interface Chosen {
  readonly device: DeviceName;
  /** For the environment of the worker. */
  readonly variables: Readonly<Record<string, string>>;
}

export async function deviceOf(asked: AskedDevice = 'auto'): Promise<Chosen> {
  if (asked === 'cpu') return { device: asked, variables: {} };
  const { cards, hasKernels, variables } = await findDevices(thisMachine(), checkout);
  if (asked !== 'auto') return { device: asked, variables };
  return cards.length > 0 && hasKernels
    ? { device: 'cuda:0', variables }
    : { device: 'cpu', variables: {} };
}

export function sourceOf(base: string) {
  if (existsSync(base)) return { local: { path: resolve(base) } };
  if (/^[\w][\w.-]*\/[\w][\w.-]*$/.test(base)) return { huggingFace: { repository: base } };
  throw new UserError({
    code: 'E_NOT_FOUND',
    message: `${base} is no file or folder here, and no repository such as OWNER/NAME`,
    hint: 'name the folder that has config.json, or a GGUF file',
  });
}

interface NamedFlags {
  readonly name?: string;
  readonly adapter?: readonly (readonly [name: string, folder: string])[];
  readonly compose?: readonly AskedComposition[];
}

interface Named {
  /** Of the base. */
  readonly name: string;
  readonly adapters: readonly { readonly name: string; readonly folder: string }[];
  readonly compositions: readonly Composition[];
}

/** `mayGrow`: more adapters may come later, so that a composition may name them now. */
export function namedBeside(
  base: string,
  { name = nameOf(base), adapter = [], compose = [] }: NamedFlags,
  mayGrow: boolean,
): Named {
  const adapters = adapter.map(([own, folder]) => ({ name: own, folder: resolve(folder) }));
  requireNames([name, ...[...adapters, ...compose].map((one) => one.name)]);
  const names = adapters.map((one) => one.name);
  return {
    name,
    adapters,
    compositions: composed(compose, { base: name, adapters: names, mayGrow }),
  };
}

/** `model.Q4_1.gguf` is served as `model.Q4_1`. */
function nameOf(base: string): string {
  return basename(resolve(base)).replace(/\.gguf$/, '');
}

function requireNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const wrong = names.find((name) => !servedName.safeParse(name).success);
  if (twice === undefined && wrong === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message:
      wrong === undefined
        ? `${twice} names two models; each needs a name of its own`
        : `${wrong} is no name of a model; it must have letters, digits, . _ and - alone`,
    hint: 'name the base with --name, adapters with --adapter NAME=FOLDER, and several together with --compose',
  });
}
