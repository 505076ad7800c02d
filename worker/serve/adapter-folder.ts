// Adapters that come and go while the server runs: those whose folders lie in one folder, by their
// names, or those that a file lists. Those that come are loaded once their files stopped changing,
// those that change are loaded again, those that go are unloaded.
import { adapterList, type PlacedAdapter, placeOf } from '../../crds/serve/adapter-list.ts';
import { servedName } from '../../crds/serve/served-name.ts';
import type { ServeSettings } from '../../crds/serve/settings.ts';
import { jsonLimits, RefusedBytes } from '../../crds/text/json.ts';
import { readJsonFile } from '../files/bounded-file.ts';
import { configFile, tensorFile } from '../publish/peft-files.ts';
import { adaptersIn, type Found, foundIn } from './adapters-in.ts';
import type { BucketAdapters } from './bucket-adapters.ts';
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

type Buckets = Pick<BucketAdapters, 'at' | 'settled'>;

export class AdapterFolder {
  readonly #server: Pick<Server, 'addAdapter' | 'removeAdapter'>;
  readonly #settings: Settings;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #isStart = true;
  readonly #buckets: Buckets;
  /** Why the list could not be read the last time; what it said before stays served. */
  #unreadable: Refused | undefined;

  constructor(
    server: Pick<Server, 'addAdapter' | 'removeAdapter'>,
    settings: Settings,
    buckets: Buckets,
  ) {
    this.#server = server;
    this.#settings = settings;
    this.#buckets = buckets;
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
    if (typeof read === 'string') return undefined;
    // A server that begins to answer has all of them.
    if (this.#isStart && read.some((one) => this.#here(one) === undefined)) {
      await this.#buckets.settled();
    }
    const found = new Map<string, Found>();
    for (const one of read) found.set(one.name, await this.#foundAt(one));
    return found;
  }

  /** Undefined while it is fetched. */
  #here(listed: PlacedAdapter): ReturnType<Buckets['at']> {
    if ('folder' in listed) return { type: 'Here', folder: listed.folder };
    return this.#buckets.at(listed.name, listed.s3);
  }

  async #foundAt(listed: PlacedAdapter): Promise<Found> {
    const place = placeOf(listed);
    const here = this.#here(listed);
    if (here?.type === 'Here') return { ...(await foundIn(here.folder)), place };
    const missing = { folder: place, place, isWhole: false };
    return here === undefined
      ? { ...missing, state: place, isOnItsWay: true }
      : { ...missing, state: `${place} ${here.reason}`, problem: here.reason };
  }

  async #next(name: string, found: Found, before: Seen | undefined): Promise<Seen> {
    const { state, isOnItsWay, place } = found;
    if (before?.isDone === true && before.state === state) return before;
    if (isOnItsWay) return { state, isDone: false };
    // At the start files are taken as they lie there, and what was fetched is whole.
    const isFetched = place !== undefined && place !== found.folder;
    const isSettled = isFetched || (before === undefined ? this.#isStart : before.state === state);
    if (!isSettled) return { state, isDone: false };
    return { state, isDone: true, ...(await this.#load(name, found)) };
  }

  /** Why it is not served, where it is not. */
  async #load(
    name: string,
    { folder, isWhole, place, problem }: Found,
  ): Promise<{ readonly reason?: string }> {
    const { name: base, adapters, compositions } = this.#settings;
    if (!servedName.safeParse(name).success) return { reason: `${name} is no name of a model` };
    if ([base, ...[...adapters, ...compositions].map((one) => one.name)].includes(name)) {
      return { reason: `the name ${name} is taken by what the server was started with` };
    }
    if (!isWhole) {
      this.#server.removeAdapter(name);
      return { reason: problem ?? `${folder} does not have ${configFile} and ${tensorFile}` };
    }
    try {
      await this.#server.addAdapter(name, folder, place);
      return {};
    } catch (error) {
      // What was served by this name is no longer what lies there.
      this.#server.removeAdapter(name);
      return { reason: refusalOf(error, folder) };
    }
  }
}

/** A sentence where the file does not say which there are. */
async function readList(path: string): Promise<readonly PlacedAdapter[] | string> {
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
  return data.adapters;
}
