// A folder whose folders are adapters by their names. Those that come are loaded once their files
// stopped changing, those that change are loaded again, those that go are unloaded.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AnnealError } from '../../crds/failures/errors.ts';
import { servedName } from '../../crds/serve/served-name.ts';
import type { ServeSettings } from '../../crds/serve/settings.ts';
import { isErrno } from '../files/errno.ts';
import { configFile, tensorFile } from '../publish/peft-files.ts';
import type { Server } from './server.ts';

interface Refused {
  readonly name: string;
  readonly reason: string;
}

interface Seen {
  /** Sizes and times of its files. */
  readonly state: string;
  /** Whether this state was loaded, or refused. */
  readonly isDone: boolean;
  readonly reason?: string;
}

export class AdapterFolder {
  readonly #server: Pick<Server, 'addAdapter' | 'removeAdapter'>;
  readonly #settings: Pick<ServeSettings, 'name' | 'adapters' | 'adaptersIn' | 'compositions'>;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #isStart = true;

  constructor(
    server: Pick<Server, 'addAdapter' | 'removeAdapter'>,
    settings: Pick<ServeSettings, 'name' | 'adapters' | 'adaptersIn' | 'compositions'>,
  ) {
    this.#server = server;
    this.#settings = settings;
  }

  get refused(): readonly Refused[] {
    return [...this.#seen].flatMap(([name, { reason }]) =>
      reason === undefined ? [] : [{ name, reason }],
    );
  }

  /** Whether something changed. */
  async look(): Promise<boolean> {
    const { adaptersIn } = this.#settings;
    if (adaptersIn === undefined) return false;
    const states = await statesIn(adaptersIn);
    let changed = false;
    for (const name of this.#seen.keys()) {
      if (states.has(name)) continue;
      this.#server.removeAdapter(name);
      changed = true;
    }
    const next = new Map<string, Seen>();
    for (const [name, state] of states) {
      const before = this.#seen.get(name);
      // At the start files are taken as they lie there.
      const isSettled = before === undefined ? this.#isStart : before.state === state;
      if (before?.isDone === true && before.state === state) next.set(name, before);
      else if (!isSettled) next.set(name, { state, isDone: false });
      else {
        next.set(name, {
          state,
          isDone: true,
          ...(await this.#load(name, join(adaptersIn, name))),
        });
        changed = true;
      }
    }
    this.#seen = next;
    this.#isStart = false;
    return changed;
  }

  /** Why it is not served, where it is not. */
  async #load(name: string, folder: string): Promise<{ readonly reason?: string }> {
    const { name: base, adapters, compositions } = this.#settings;
    if (!servedName.safeParse(name).success) return { reason: `${name} is no name of a model` };
    if ([base, ...[...adapters, ...compositions].map((one) => one.name)].includes(name)) {
      return { reason: `the name ${name} is taken by what the server was started with` };
    }
    try {
      await this.#server.addAdapter(name, folder);
      return {};
    } catch (error) {
      // What was served by this name is no longer what lies there.
      this.#server.removeAdapter(name);
      if (error instanceof AnnealError) return { reason: error.message };
      if (isErrno(error, 'ENOENT', 'EACCES')) return { reason: `${folder}: ${String(error)}` };
      throw error;
    }
  }
}

/** By name, of folders that have both files. */
async function statesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const states = new Map<string, string>();
  for (const { name } of entries) {
    const found = await Promise.all(
      [configFile, tensorFile].map((file) => stat(join(folder, name, file)).catch(() => null)),
    );
    if (found.some((one) => one === null)) continue;
    states.set(name, found.map((one) => `${one?.size} ${one?.mtimeMs}`).join(' '));
  }
  return states;
}
