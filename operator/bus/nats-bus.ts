// JobBus on NATS: a mirror of the state bucket, kept by one watch, and of the last step that each
// job told. Records that cannot be read are as good as absent: they are of another version, or
// nobody's.

import type { Clock } from '../../crds/clock.ts';
import { TransientError } from '../../crds/failures/errors.ts';
import type { Bucket } from '../../crds/wire/bucket.ts';
import { Bus } from '../../crds/wire/bus.ts';
import type { BusOptions } from '../../crds/wire/connection.ts';
import {
  ackRecord,
  type DesiredRecord,
  desiredRecord,
  type JobRecord,
  jobRecord,
  memberRecord,
  type StateRecord,
  stateRecord,
} from '../../crds/wire/state.ts';
import {
  bucket,
  type JobOnBus,
  keys,
  parseKey,
  parseSubject,
  stream,
  subjects,
} from '../../crds/wire/subjects.ts';
import { type TelemetryOf, telemetry, warningReason } from '../../crds/wire/telemetry.ts';
import type { BusFacts } from '../job/facts.ts';
import { type BackoffSettings, pauseOf } from '../runtime/backoff.ts';
import { timeText } from '../runtime/conditions.ts';
import type { Random } from '../runtime/random.ts';
import { arrange } from './arrange.ts';
import type { BusProgress, JobBus, NewRound } from './job-bus.ts';
import { Records } from './records.ts';

interface NatsBusFacts {
  readonly clock: Clock;
  readonly random: Random;
  /** Told why the bus could not be used. */
  readonly tell: (error: unknown) => void;
  readonly replicas: number;
  /** UID of the cluster; every key begins with it. */
  readonly cluster: () => Promise<string>;
  /** Name under which rounds are opened. */
  readonly identity: string;
}

/** What is there once the bus has answered for the first time. */
interface Connected {
  readonly bus: Bus;
  readonly cluster: string;
  readonly state: Bucket;
}

/** What the workers of a job told last; the bus keeps none of it for who comes later. */
interface Heard extends Pick<PresentBus, 'unsaved' | 'straggling'> {
  readonly progress?: BusProgress;
}

type PresentBus = Extract<BusFacts, { type: 'Present' }>;

const nothingTold: BusProgress = { step: undefined, evaluation: undefined, stage: undefined };
const pauses: BackoffSettings = { firstMs: 500, longestMs: 30_000, jitter: 0.5 };

export class NatsBus implements JobBus {
  readonly #options: BusOptions;
  readonly #facts: NatsBusFacts;
  readonly #records = new Records();
  /** By job. */
  readonly #heard = new Map<string, Heard>();
  readonly #listeners = new Set<(job: JobOnBus | undefined) => void>();
  #connected: Connected | undefined;
  /** Nothing is known until the first watch has told everything. */
  #awaySince: number | undefined;

  constructor(options: BusOptions, facts: NatsBusFacts) {
    this.#options = options;
    this.#facts = facts;
    this.#awaySince = facts.clock.now();
  }

  get isConnected(): boolean {
    return this.#awaySince === undefined;
  }

  /** Connects and follows the bus until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, tell } = this.#facts;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const cluster = await this.#facts.cluster();
        await using bus = await Bus.connect(this.#options, signal);
        await arrange(bus, this.#facts.replicas);
        this.#connected = { bus, cluster, state: await bus.openBucket(bucket.state, cluster) };
        await this.#follow(this.#connected, signal);
      } catch (error) {
        if (signal.aborted) return;
        tell(error);
        this.#leave();
        await clock.sleep(pauseOf(failures, pauses, random), signal).catch(() => undefined);
      }
    }
  }

  async #follow({ bus, cluster, state }: Connected, signal: AbortSignal): Promise<void> {
    using _connection = bus.connection.onConnection((connected) => {
      // A server that has lost its storage comes back with nothing.
      if (connected) void arrange(bus, this.#facts.replicas).catch(this.#facts.tell);
      else this.#leave();
    });
    using _metrics = bus.subscribe(subjects.metrics(cluster), (subject, value) =>
      this.#hear(subject, value),
    );
    // Over another connection too, what is not told is gone: storage may have been lost meanwhile.
    this.#records.renewed();
    await state.watch(
      '>',
      {
        entry: (key, value) => {
          this.#records.set(key, value);
          if (this.isConnected) this.#tell(parseKey(key));
        },
        ready: () => {
          this.#records.settled();
          this.#awaySince = undefined;
          this.#tell(undefined);
        },
        again: () => this.#records.renewed(),
      },
      signal,
    );
  }

  #leave(): void {
    this.#awaySince ??= this.#facts.clock.now();
    this.#tell(undefined);
  }

  facts(job: JobOnBus): BusFacts {
    if (this.#awaySince !== undefined) return { type: 'Away', since: this.#awaySince };
    const state = this.#records.get(keys.state(job), stateRecord);
    const round = state?.round ?? 0;
    return {
      type: 'Present',
      admitted: this.#records.get(keys.job(job), jobRecord),
      state,
      desired: this.#records.get(keys.desired(job), desiredRecord),
      members: this.#records.numbered(job, `member.${round}`, memberRecord),
      acks: this.#records.numbered(job, `ack.${round}`, ackRecord),
      unsaved: this.#heardOf(job).unsaved,
      straggling: this.#heardOf(job).straggling,
    };
  }

  progress(job: JobOnBus): BusProgress | undefined {
    return this.#heardOf(job).progress;
  }

  subscribe(listener: (job: JobOnBus | undefined) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  jobs(): readonly JobOnBus[] {
    return this.#records.jobs();
  }

  async admit(job: JobOnBus, record: JobRecord, signal: AbortSignal): Promise<void> {
    const { state } = this.#require();
    await unlessAborted(state.put(keys.job(job), record), signal);
  }

  async writeDesired(job: JobOnBus, record: DesiredRecord, signal: AbortSignal): Promise<void> {
    const { state } = this.#require();
    await unlessAborted(state.put(keys.desired(job), record), signal);
  }

  async initState(job: JobOnBus, record: StateRecord, signal: AbortSignal): Promise<void> {
    const { state } = this.#require();
    await unlessAborted(state.create(keys.state(job), record), signal);
  }

  async openRound(job: JobOnBus, next: NewRound, signal: AbortSignal): Promise<void> {
    const key = keys.state(job);
    const { state: records } = this.#require();
    const found = await unlessAborted(records.get(key), signal);
    const state = stateRecord.safeParse(found?.value).data;
    // Somebody was faster, or the work is done.
    if (found === undefined || state === undefined) return;
    if (state.round !== next.from || state.result !== undefined) return;
    const { world: _, ...rest } = state;
    const record: StateRecord = {
      ...rest,
      workerRevision: next.workerRevision,
      round: next.from + 1,
      opened: {
        by: this.#facts.identity,
        cause: next.cause,
        at: timeText(this.#facts.clock.now()),
        ...(next.lost === undefined ? {} : { lost: [...next.lost] }),
      },
      restarts: next.restarts,
    };
    await unlessAborted(records.update(key, record, found.revision), signal);
  }

  async purge(job: JobOnBus, signal: AbortSignal): Promise<void> {
    const { bus, cluster, state } = this.#require();
    // Gateways are told by it; of what is purged nobody is.
    await unlessAborted(state.delete(keys.job(job)), signal);
    await unlessAborted(state.purge(keys.all(job)), signal);
    for (const name of Object.values(stream)) {
      await unlessAborted(bus.purge(name, subjects.all(cluster, job)), signal);
    }
    this.#records.remove(job);
    this.#heard.delete(heardKey(job));
  }

  async prune(signal: AbortSignal): Promise<void> {
    const { state } = this.#require();
    for (const key of this.#records.outdated()) {
      await unlessAborted(state.purge(key), signal);
      this.#records.set(key, undefined);
    }
  }

  #heardOf(job: JobOnBus): Heard {
    return this.#heard.get(heardKey(job)) ?? {};
  }

  #take(job: JobOnBus, change: Heard): void {
    this.#heard.set(heardKey(job), { ...this.#heardOf(job), ...change });
  }

  #require(): Connected {
    if (this.#connected !== undefined && this.isConnected) return this.#connected;
    throw new TransientError({
      code: 'E_BUS_UNAVAILABLE',
      message: `the bus at ${this.#options.url} does not answer`,
    });
  }

  #hear(subject: string, value: unknown): void {
    const job = parseSubject(subject);
    const message = telemetry.safeParse(value).data;
    if (job === undefined || message === undefined) return;
    switch (message.type) {
      case 'step':
      case 'evaluation':
      case 'stage': {
        const before = this.#heardOf(job).progress ?? nothingTold;
        this.#take(job, { progress: { ...before, [message.type]: message } });
        return;
      }
      case 'plan':
        // Another world trains: its pace is its own.
        this.#take(job, { straggling: undefined });
        return;
      case 'warning':
        this.#hearWarning({ namespace: job.namespace, uid: job.uid }, message);
        return;
    }
  }

  #hearWarning(job: JobOnBus, { reason, message, step = 0 }: TelemetryOf<'warning'>): void {
    switch (reason) {
      case warningReason.storageFull:
        this.#take(job, { unsaved: { step, message } });
        break;
      case warningReason.straggler:
        this.#take(job, { straggling: { heardAt: this.#facts.clock.now(), message } });
        break;
      case warningReason.inStep:
        this.#take(job, { straggling: undefined });
        break;
      default:
        return;
    }
    this.#tell(job);
  }

  #tell(job: JobOnBus | undefined): void {
    for (const listener of this.#listeners) listener(job);
  }
}

/**
 * A leader that lost its lease stops waiting at once. A request that was sent may still take
 * effect; the next leader finds out.
 */
async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([aborted, answer]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function heardKey({ namespace, uid }: JobOnBus): string {
  return `${namespace}.${uid}`;
}
