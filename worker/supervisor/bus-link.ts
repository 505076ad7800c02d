// The connection of a pod to the bus, kept up for as long as the pod lives: connects when a server
// answers, follows the records of the job, and says since when it hears them or does not.
// "Connected" means that all records were read since the connection came back, so what is decided
// then is never decided on old ones.
import { readFileSync } from 'node:fs';
import type { Clock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { PodBus } from '../../crds/wire/pod-bus.ts';
import type { PodOnBus } from '../../crds/wire/subjects.ts';
import { type Change, foldRecords, type KeyEntry, noRecords, type Records } from './records.ts';
import type { Pace } from './straggler.ts';

interface BusLinkSettings {
  readonly url: string;
  readonly name: string;
  readonly pod: PodOnBus;
  /** Authority of the server, where it has one of its own. */
  readonly authorityFile: string;
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
  #bus: PodBus | undefined;
  #fresh = false;
  #connected = false;
  #since: number;
  #records = noRecords;
  readonly #heartbeats = new Map<string, number>();
  readonly #paces = new Map<string, Pace>();

  constructor(settings: BusLinkSettings) {
    this.#settings = settings;
    this.#since = settings.clock.now();
  }

  /** Undefined while the bus is away. */
  get bus(): PodBus | undefined {
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
  get heartbeats(): ReadonlyMap<string, number> {
    return this.#heartbeats;
  }

  /** What each pod said of its steps, by its UID. */
  get paces(): ReadonlyMap<string, Pace> {
    return this.#paces;
  }

  /** Takes in what this pod wrote itself, before the watch tells it. */
  wrote(entry: KeyEntry): void {
    this.#records = foldRecords(this.#records, { type: 'Put', entry });
  }

  /** Reads one key now: somebody else has written it. */
  async readAgain(key: string): Promise<void> {
    const entry = await this.#bus?.get(key);
    if (entry === undefined) return;
    this.#records = foldRecords(this.#records, { type: 'Put', entry: { key, ...entry } });
  }

  /** Runs until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onNoAnswer } = this.#settings;
    for (let told = false; !signal.aborted; ) {
      try {
        this.#bus = await this.#connect(signal);
        await this.#follow(this.#bus, signal);
      } catch (error) {
        // Whatever it was, the answer is the same: try again; `since` tells how long it has been
        // so.
        if (!told || this.#connected) onNoAnswer(toAnnealError(error).message);
        told = true;
        this.#fresh = false;
      } finally {
        await this.#bus?.[Symbol.asyncDispose]();
        this.#refresh();
      }
      await clock.sleep(againMs, signal).catch(() => {});
    }
  }

  #connect(signal: AbortSignal): Promise<PodBus> {
    const { url, name, pod, tokenFile, authorityFile } = this.#settings;
    const token = readIfThere(tokenFile);
    const authority = readIfThere(authorityFile);
    return PodBus.connect(
      {
        ...{ url, name, pod },
        ...(authority === undefined ? {} : { authority }),
        ...(token === undefined ? {} : { token: () => readIfThere(tokenFile) ?? token }),
      },
      signal,
    );
  }

  /** One watch until it breaks. */
  async #follow(bus: PodBus, signal: AbortSignal): Promise<void> {
    // Nobody is woken by a heartbeat: only one that does not come is news, and whoever waits for it
    // has its time.
    using _heartbeats = bus.onHeartbeat(({ podUID, round, busyMs, busyMsByTrainer }) => {
      this.#heartbeats.set(podUID, this.#settings.clock.now());
      if (busyMs === undefined) return;
      this.#paces.set(podUID, { round, busyMs: busyMsByTrainer ?? [busyMs] });
    });
    using _connection = bus.onConnection((connected) => {
      if (!connected) this.#fresh = false;
      this.#refresh();
    });
    /** Keys that are being told again; undefined when all were. */
    let retold: KeyEntry[] | undefined = [];
    await bus.watch(
      {
        entry: (key, value, revision) => {
          if (retold !== undefined) retold.push({ key, value, revision });
          else this.#fold(value === undefined ? gone(key) : put({ key, value, revision }));
        },
        ready: () => {
          this.#fold({ type: 'All', entries: retold ?? [] });
          retold = undefined;
          this.#fresh = true;
          this.#refresh();
        },
        again: () => {
          retold = [];
        },
      },
      signal,
    );
  }

  #fold(change: Change): void {
    this.#records = foldRecords(this.#records, change);
    this.#settings.onChange();
  }

  #refresh(): void {
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

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    // A site without identities on its bus mounts no token; one whose authority everybody knows, no
    // authority.
    return undefined;
  }
}
