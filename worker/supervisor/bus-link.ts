// The connection of a pod to the bus, kept up for as long as the pod lives: connects when a server answers, follows the records of
// the job, and says since when it hears them or does not. "Connected" means that all records were read since the connection came
// back, so what is decided then is never decided on old ones.
import { readFileSync } from 'node:fs';
import { toAnnealError } from '../../crds/errors.ts';
import { type Bucket, Bus } from '../../crds/wire/bus.ts';
import { beatRecord } from '../../crds/wire/state.ts';
import { bucket, type JobOnBus, keys } from '../../crds/wire/subjects.ts';
import type { Clock } from '../clock.ts';
import { type Change, foldRecords, type KeyEntry, noRecords, type Records } from './records.ts';
import type { Pace } from './straggler.ts';

interface BusLinkSettings {
  readonly url: string;
  readonly name: string;
  readonly job: JobOnBus;
  /** Absent outside of a pod: a server that asks for nothing. */
  readonly tokenFile: string;
  readonly clock: Clock;
  readonly onChange: () => void;
  /** Told once for each time that no server answers, with the reason. */
  readonly onNoAnswer: (why: string) => void;
}

const againMs = 1_000;

export class BusLink {
  readonly #settings: BusLinkSettings;
  #bus: Bus | undefined;
  #state: Bucket | undefined;
  #fresh = false;
  #connected = false;
  #since: number;
  #records = noRecords;
  readonly #beats = new Map<string, number>();
  readonly #paces = new Map<string, Pace>();

  constructor(settings: BusLinkSettings) {
    this.#settings = settings;
    this.#since = settings.clock.now();
  }

  /** Undefined while the bus is away. */
  get bus(): Bus | undefined {
    return this.#connected ? this.#bus : undefined;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Milliseconds since 1970 at which it became as it is. */
  get since(): number {
    return this.#since;
  }

  get records(): Records {
    return this.#records;
  }

  /** When each pod was heard last, by its UID. */
  get beats(): ReadonlyMap<string, number> {
    return this.#beats;
  }

  /** What each pod said of its steps, by its UID. */
  get paces(): ReadonlyMap<string, Pace> {
    return this.#paces;
  }

  /** The bucket of records; undefined while the bus is away. */
  get state(): Bucket | undefined {
    return this.#connected ? this.#state : undefined;
  }

  /** Takes in what this pod wrote itself, before the watch tells it. */
  wrote(entry: KeyEntry): void {
    this.#records = foldRecords(this.#records, { type: 'Put', entry });
  }

  /** Reads one key now: somebody else has written it. */
  async readAgain(key: string): Promise<void> {
    const entry = await this.#state?.get(key);
    if (entry === undefined) return;
    this.#records = foldRecords(this.#records, { type: 'Put', entry: { key, ...entry } });
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onNoAnswer } = this.#settings;
    for (let told = false; !signal.aborted; ) {
      try {
        this.#bus = await this.#connect(signal);
        this.#state = await this.#bus.openBucket(bucket.state);
        await this.#followBoth(this.#bus, this.#state, signal);
      } catch (error) {
        // Whatever it was, the answer is the same: try again; `since` tells how long it has been so.
        if (!told || this.#connected) onNoAnswer(toAnnealError(error).message);
        told = true;
        this.#fresh = false;
      } finally {
        await this.#bus?.[Symbol.asyncDispose]();
        this.#look();
      }
      await clock.sleep(againMs, signal).catch(() => {});
    }
  }

  #connect(signal: AbortSignal): Promise<Bus> {
    const { url, name, job, tokenFile } = this.#settings;
    const token = readToken(tokenFile);
    return Bus.connect(
      {
        ...{ url, name },
        inboxPrefix: `_INBOX.${job.namespace}.${job.uid}`,
        ...(token === undefined ? {} : { token: () => readToken(tokenFile) ?? token }),
      },
      signal,
    );
  }

  /** One watch until it breaks. */
  async #follow(bus: Bus, state: Bucket, signal: AbortSignal): Promise<void> {
    const { job } = this.#settings;
    using _connection = bus.onConnection((connected) => {
      if (!connected) this.#fresh = false;
      this.#look();
    });
    /** Keys that are being told again; undefined when all were. */
    let retold: KeyEntry[] | undefined = [];
    await state.watch(
      keys.all(job),
      {
        entry: (key, value, revision) => {
          if (retold !== undefined) retold.push({ key, value, revision });
          else this.#fold(value === undefined ? gone(key) : put({ key, value, revision }));
        },
        ready: () => {
          this.#fold({ type: 'All', entries: retold ?? [] });
          retold = undefined;
          this.#fresh = true;
          this.#look();
        },
        again: () => {
          retold = [];
        },
      },
      signal,
    );
  }

  async #followBoth(bus: Bus, state: Bucket, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const hearing = this.#hearBeats(bus, AbortSignal.any([signal, over.signal]));
    try {
      await this.#follow(bus, state, signal);
    } finally {
      over.abort();
      await hearing;
    }
  }

  /**
   * Nobody is woken by a beat: only one that does not come is news, and whoever waits for it has its time. The bucket is kept in memory and is gone
   * with a server, until the operator makes it again; records do not wait for that. Never rejects.
   */
  async #hearBeats(bus: Bus, signal: AbortSignal): Promise<void> {
    const { job, clock } = this.#settings;
    const watcher = {
      entry: (_key: string, value: unknown) => {
        const beat = beatRecord.safeParse(value).data;
        if (beat === undefined) return;
        const { podUID, generation, busyMs } = beat;
        this.#beats.set(podUID, clock.now());
        if (busyMs !== undefined) this.#paces.set(podUID, { generation, busyMs });
      },
      ready: () => {},
      again: () => {},
    };
    while (!signal.aborted) {
      try {
        await (await bus.openBucket(bucket.beat)).watch(keys.all(job), watcher, signal);
      } catch {
        await clock.sleep(againMs, signal).catch(() => {});
      }
    }
  }

  #fold(change: Change): void {
    this.#records = foldRecords(this.#records, change);
    this.#settings.onChange();
  }

  #look(): void {
    const connected = this.#fresh && this.#bus?.connected === true;
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#since = this.#settings.clock.now();
    this.#settings.onChange();
  }
}

function put(entry: KeyEntry): Change {
  return { type: 'Put', entry };
}

function gone(key: string): Change {
  return { type: 'Gone', key };
}

function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // A site without identities on its bus mounts none.
    return undefined;
  }
}
