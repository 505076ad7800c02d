// Adapters that come and go while the server runs: those whose folders lie in one folder, by their
// names, or those that a file lists. Those that come are loaded once their files stopped changing,
// those that change are loaded again, those that go are unloaded.
import { adapterList } from '../../crds/serve/adapter-list.ts';
import { servedName } from '../../crds/serve/served-name.ts';
import type { ServeSettings } from '../../crds/serve/settings.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { configFile, tensorFile } from '../publish/peft-files.ts';
import { adaptersIn, type Found, foundIn } from './adapters-in.ts';
import { refusalOf } from './refusal.ts';
import type { Server } from './server.ts';

interface Refused {
  readonly name: string;
  readonly reason: string;
}

interface Seen {
  /** Folder, sizes and times of its files. */
  readonly state: string;
  /** Whether this state was loaded, or refused. */
  readonly isDone: boolean;
  readonly reason?: string;
}

type Settings = Pick<
  ServeSettings,
  'name' | 'adapters' | 'adaptersIn' | 'adapterList' | 'compositions'
>;

export class AdapterFolder {
  readonly #server: Pick<Server, 'addAdapter' | 'removeAdapter'>;
  readonly #settings: Settings;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #isStart = true;
  /** Why the list could not be read the last time; what it said before stays served. */
  #unreadable: Refused | undefined;

  constructor(server: Pick<Server, 'addAdapter' | 'removeAdapter'>, settings: Settings) {
    this.#server = server;
    this.#settings = settings;
  }

  get refused(): readonly Refused[] {
    const list = this.#unreadable === undefined ? [] : [this.#unreadable];
    const adapters = [...this.#seen].flatMap(([name, { reason }]) =>
      reason === undefined ? [] : [{ name, reason }],
    );
    return [...list, ...adapters];
  }

  /** Whether something changed. */
  async look(): Promise<boolean> {
    const before = this.#unreadable?.reason;
    const found = await this.#find();
    let changed = this.#unreadable?.reason !== before;
    if (found === undefined) return changed;
    for (const name of this.#seen.keys()) {
      if (found.has(name)) continue;
      this.#server.removeAdapter(name);
      changed = true;
    }
    const next = new Map<string, Seen>();
    for (const [name, one] of found) {
      const seen = await this.#next(name, one, this.#seen.get(name));
      changed ||= seen !== this.#seen.get(name) && seen.isDone;
      next.set(name, seen);
    }
    this.#seen = next;
    this.#isStart = false;
    return changed;
  }

  async #find(): Promise<ReadonlyMap<string, Found> | undefined> {
    const { adaptersIn: folder, adapterList: list } = this.#settings;
    if (folder !== undefined) return adaptersIn(folder);
    if (list === undefined) return undefined;
    const read = await readList(list);
    this.#unreadable = typeof read === 'string' ? { name: list, reason: read } : undefined;
    return typeof read === 'string' ? undefined : read;
  }

  async #next(name: string, found: Found, before: Seen | undefined): Promise<Seen> {
    const { state, folder, isWhole } = found;
    if (before?.isDone === true && before.state === state) return before;
    // At the start files are taken as they lie there.
    const isSettled = before === undefined ? this.#isStart : before.state === state;
    if (!isSettled) return { state, isDone: false };
    return { state, isDone: true, ...(await this.#load(name, folder, isWhole)) };
  }

  /** Why it is not served, where it is not. */
  async #load(
    name: string,
    folder: string,
    isWhole: boolean,
  ): Promise<{ readonly reason?: string }> {
    const { name: base, adapters, compositions } = this.#settings;
    if (!servedName.safeParse(name).success) return { reason: `${name} is no name of a model` };
    if ([base, ...[...adapters, ...compositions].map((one) => one.name)].includes(name)) {
      return { reason: `the name ${name} is taken by what the server was started with` };
    }
    if (!isWhole) {
      this.#server.removeAdapter(name);
      return { reason: `${folder} does not have ${configFile} and ${tensorFile}` };
    }
    try {
      await this.#server.addAdapter(name, folder);
      return {};
    } catch (error) {
      // What was served by this name is no longer what lies there.
      this.#server.removeAdapter(name);
      return { reason: refusalOf(error, folder) };
    }
  }
}

/** By name; a sentence where the file does not say which there are. */
async function readList(path: string): Promise<ReadonlyMap<string, Found> | string> {
  const read = await readJsonFile(path, jsonLimits.message).catch((error: unknown) => {
    if (error instanceof RefusedBytes) return error;
    throw error;
  });
  if (read instanceof RefusedBytes) return `${path} ${read.message}`;
  if (read === undefined) return `${path} is missing`;
  const { data, error } = adapterList.safeParse(read);
  if (data === undefined) {
    const [issue] = error.issues;
    return `${path}: ${issue?.path.join('.')} ${issue?.message ?? 'is invalid'}`;
  }
  const found = new Map<string, Found>();
  for (const { name, folder } of data.adapters) found.set(name, await foundIn(folder));
  return found;
}
