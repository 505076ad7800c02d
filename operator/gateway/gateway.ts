// Serves what the bus stores to pods and people, who may not ask JetStream. It keeps no state, so
// any number of replicas share the requests. The subject of a request names the sender, which the
// server checks; answers go to the inbox of that sender, and the server lets a gateway publish to
// inboxes only.
import type { Msg, NatsConnection } from 'nats';
import type { Clock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import type { Bucket } from '../../crds/wire/bucket.ts';
import { Bus } from '../../crds/wire/bus.ts';
import { type BusOptions, Connection, jsonOf } from '../../crds/wire/connection.ts';
import {
  type AskRequest,
  askRequest,
  type GatewayAnswer,
  limit,
  tellRequest,
  viewRequest,
} from '../../crds/wire/gateway.ts';
import {
  bucket,
  inbox,
  jobPrefix,
  type PodOnBus,
  type StreamName,
  stream,
  subjects,
} from '../../crds/wire/subjects.ts';
import { Door } from './door.ts';
import { Mirror, type MirroredJob } from './mirror.ts';
import { doorsOf, refusalOf, type WriteRequest } from './rules.ts';

interface GatewayFacts {
  /** Where things are stored. */
  readonly bus: BusOptions;
  /** Where pods and people are; another account, where the server tells accounts apart. */
  readonly workers: BusOptions;
  readonly cluster: () => Promise<string>;
  readonly clock: Clock;
  /** Told why the bus could not be used. */
  readonly tell: (error: unknown) => void;
  readonly seen: (what: string, answer: GatewayAnswer['type'], ms: number) => void;
}

/** The doors of a job, and the record by which they were made. */
interface Doors {
  readonly all: readonly Door[];
  readonly workers: number;
  readonly counter: Counter;
}

/**
 * A connection to where pods and people are; a server lets one connection have so many
 * subscriptions.
 */
interface Counter {
  readonly connection: Connection;
  jobs: number;
}

interface Open {
  readonly bus: Bus;
  readonly counters: Counter[];
  /** Another one is being opened. */
  isGrowing: boolean;
  readonly grow: () => Promise<void>;
  readonly cluster: string;
  readonly state: Bucket;
  readonly mirror: Mirror;
}

type Kind = keyof ReturnType<typeof doorsOf>;

const retryMs = 1_000;
/** How soon a job that has credit again is heard. */
const reopenMs = 100;
/** A job has three doors, each with a subscription or two. */
const jobsPerConnection = 500;
/** Entries of a list in one part. */
const partBytes = 128 * 1024;

export class Gateway {
  readonly #facts: GatewayFacts;
  readonly #doors = new Map<string, Doors>();
  readonly #waiting = new Set<Door>();
  #open: Open | undefined;

  constructor(facts: GatewayFacts) {
    this.#facts = facts;
  }

  get isReady(): boolean {
    return (
      this.#open?.mirror.isReady === true && this.#open.counters[0]?.connection.connected === true
    );
  }

  /** Jobs that have doors, and doors that are closed because their job has no credit. */
  get numbers(): { readonly jobs: number; readonly waiting: number } {
    return { jobs: this.#doors.size, waiting: this.#waiting.size };
  }

  /** The most workers that the job may have; undefined for one that is not known. */
  workersOf(job: PodOnBus['job']): number | undefined {
    return this.#open?.mirror.job(job)?.record?.workers;
  }

  /** Answers until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, tell } = this.#facts;
    while (!signal.aborted) {
      try {
        await this.#serve(signal);
      } catch (error) {
        if (signal.aborted) return;
        tell(error);
      }
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { bus: busOptions, workers: workersOptions } = this.#facts;
    const cluster = await this.#facts.cluster();
    await using bus = await Bus.connect(busOptions, signal);
    await using opened = new AsyncDisposableStack();
    const failed = new AbortController();
    const counters: Counter[] = [];
    const grow = async () => {
      const connection = opened.use(await Connection.connect(workersOptions, signal));
      connection.onConnection((connected) => connected && this.#reopenAll());
      connection.lost.addEventListener('abort', () => failed.abort(), { once: true });
      counters.push({ connection, jobs: 0 });
    };
    await grow();
    const state = await bus.openBucket(bucket.state, cluster);
    const mirror = new Mirror((job) => this.#arrange(job));
    this.#open = { bus, counters, isGrowing: false, grow, cluster, state, mirror };
    using _bus = bus.connection.onConnection((connected) => connected || mirror.again());
    const reopening = setInterval(() => this.#reopen(), reopenMs);
    const over = AbortSignal.any([signal, failed.signal]);
    try {
      await state.watch('>', mirror, over);
    } finally {
      clearInterval(reopening);
      for (const at of [...this.#doors.keys()]) this.#close(at);
      this.#open = undefined;
    }
  }

  #reopen(): void {
    for (const door of this.#waiting) if (door.open()) this.#waiting.delete(door);
  }

  #reopenAll(): void {
    for (const { all } of this.#doors.values()) for (const door of all) door.reopen();
  }

  /** A job has doors for as long as the operator says that there is such a job. */
  #arrange({ job, record }: MirroredJob): void {
    const at = jobPrefix(job);
    const open = this.#open;
    if (record?.workers === this.#doors.get(at)?.workers || open === undefined) return;
    this.#close(at);
    if (record === undefined) return;
    const counter = open.counters.find(({ jobs }) => jobs < jobsPerConnection);
    if (counter === undefined) return void this.#grow(open);
    const { nats } = counter.connection;
    const facts = { connection: nats, clock: this.#facts.clock };
    const all = Object.entries(doorsOf({ job }, record)).map(
      ([kind, settings]) =>
        new Door(settings, facts, (message, door) => {
          if (!door.open()) this.#waiting.add(door);
          void this.#answer(kind as Kind, job, message, door, nats);
        }),
    );
    counter.jobs += 1;
    this.#doors.set(at, { all, workers: record.workers, counter });
  }

  /** Jobs for which there was no room are given their doors when there is. */
  async #grow(open: Open): Promise<void> {
    if (open.isGrowing) return;
    open.isGrowing = true;
    try {
      await open.grow();
    } catch (error) {
      this.#facts.tell(error); // the next job that comes tries again
      return;
    } finally {
      open.isGrowing = false;
    }
    for (const job of open.mirror.jobs()) this.#arrange(job);
  }

  #close(at: string): void {
    const doors = this.#doors.get(at);
    if (doors === undefined) return;
    for (const door of doors.all) {
      door.close();
      this.#waiting.delete(door);
    }
    doors.counter.jobs -= 1;
    this.#doors.delete(at);
  }

  async #answer(
    kind: Kind,
    job: PodOnBus['job'],
    message: Msg,
    door: Door,
    connection: NatsConnection,
  ): Promise<void> {
    const { clock, seen } = this.#facts;
    const began = clock.now();
    const words = message.subject.split('.');
    const what = words.at(-1) ?? '';
    const pod = { job, index: Number(words[4]), uid: words[5] ?? '' };
    const mine = kind === 'view' ? inbox.view(job.namespace) : inbox.pod(pod);
    // An answer to another subject would be a message of ours to its subscribers.
    if (message.reply === undefined || !message.reply.startsWith(`${mine}.`)) return;
    if (kind !== 'view' && !isIndex(words[4])) return;
    const reply = (answer: GatewayAnswer) => {
      const body = JSON.stringify(answer);
      door.charge(body.length);
      if (!connection.isClosed()) connection.publish(message.reply ?? '', body);
      seen(`${kind} ${what}`, answer.type, clock.now() - began);
    };
    try {
      const mirrored = this.#open?.mirror.isReady === true ? this.#open.mirror.job(job) : undefined;
      if (this.#open === undefined || mirrored?.record === undefined) {
        reply({ type: 'Unavailable', message: 'the records are being read' });
      } else if (message.data.length > limit.messageBytes && what !== 'put') {
        reply({ type: 'Refused', message: `a request has ${limit.messageBytes} bytes at most` });
      } else if (kind === 'ask') {
        await this.#ask(
          this.#open,
          pod,
          { ...mirrored, record: mirrored.record },
          what,
          message.data,
          reply,
        );
      } else if (kind === 'tell') {
        reply(await tell(this.#open, pod, what, message.data));
      } else {
        reply(await view(this.#open, job, what, message.data));
      }
    } catch (error) {
      reply({ type: 'Unavailable', message: toAnnealError(error).message });
    }
  }

  async #ask(
    { state, mirror }: Open,
    pod: PodOnBus,
    job: MirroredJob & { readonly record: NonNullable<MirroredJob['record']> },
    what: string,
    data: Uint8Array,
    reply: (answer: GatewayAnswer) => void,
  ): Promise<void> {
    const request = requestOf(what, data);
    if (request === undefined) return reply(unreadable);
    switch (request.what) {
      case 'head':
        return reply({ type: 'Head', head: job.head });
      case 'list':
        for (const part of partsOf(job)) reply(part);
        return;
      case 'get': {
        if (!request.key.startsWith(`${jobPrefix(pod.job)}.`)) return reply(unreadable);
        return reply({ type: 'Entry', entry: await state.get(request.key) });
      }
      default: {
        const refusal = refusalOf(pod, request, { ...job, claims: mirror.claims(pod.job) });
        if (refusal !== undefined) return reply({ type: 'Refused', message: refusal });
        const revision = await written(state, request, mirror, pod.job);
        return reply(revision === false ? { type: 'Conflict' } : { type: 'Written', revision });
      }
    }
  }
}

/** A key counts from the moment it is sent: the mirror may hear of it after many others. */
async function written(
  state: Bucket,
  request: WriteRequest,
  mirror: Mirror,
  job: PodOnBus['job'],
): Promise<number | false> {
  const isNew = mirror.claim(job, request.key);
  let revision: number | false = false;
  try {
    revision = await stored(state, request);
  } finally {
    if (isNew && revision === false) mirror.unclaim(job, request.key);
  }
  return revision;
}

function stored(state: Bucket, request: WriteRequest): Promise<number | false> {
  const { key, value } = request;
  switch (request.what) {
    case 'put':
      return state.put(key, value);
    case 'create':
      return state.create(key, value);
    case 'update':
      return state.update(key, value, request.revision);
  }
}

const unreadable = { type: 'Refused', message: 'the request cannot be read' } as const;

function requestOf(what: string, data: Uint8Array): AskRequest | undefined {
  if (!Object.hasOwn(askRequest, what)) return undefined;
  const body = askRequest[what as keyof typeof askRequest].safeParse(jsonOf(data));
  return body.success ? ({ what, ...body.data } as AskRequest) : undefined;
}

/** All entries, in parts that fit into messages; the last one has the head. */
function* partsOf({ entries, head }: MirroredJob): Generator<GatewayAnswer> {
  let part: { key: string; value: unknown; revision: number }[] = [];
  let bytes = 0;
  for (const [key, entry] of entries) {
    part.push({ key, ...entry });
    bytes += JSON.stringify(entry.value).length;
    if (bytes < partBytes) continue;
    yield { type: 'Entries', entries: part };
    part = [];
    bytes = 0;
  }
  yield { type: 'Entries', entries: part, head };
}

async function tell(
  { bus, cluster }: Open,
  { job, index, uid }: PodOnBus,
  name: string,
  data: Uint8Array,
): Promise<GatewayAnswer> {
  const request = tellRequest.safeParse(jsonOf(data)).data;
  if (request === undefined || !isStream(name)) return unreadable;
  const subject = subjects.message(cluster, job, name, index);
  // A name of its own for every pod: nobody may use up the ids of others.
  await bus.publish(subject, request.value, `${job.uid}/${uid}/${request.id}`);
  return { type: 'Kept' };
}

async function view(
  { bus, cluster }: Open,
  job: PodOnBus['job'],
  what: string,
  data: Uint8Array,
): Promise<GatewayAnswer> {
  const request = viewRequest.page.safeParse(jsonOf(data)).data;
  if (request === undefined || what !== 'page') return unreadable;
  const subject = subjects.messages(cluster, job, request.stream);
  const most = { messages: limit.pageMessages, bytes: limit.pageBytes };
  const { messages, left } = await bus.page(stream[request.stream], subject, request.from, most);
  return {
    ...{ type: 'Page', left },
    messages: messages.map(({ sequence, subject, value }) => ({
      ...{ sequence, value },
      index: Number(subject.split('.').at(-1)),
    })),
  };
}

function isIndex(word: string | undefined): boolean {
  return word !== undefined && /^(0|[1-9]\d{0,8})$/.test(word);
}

function isStream(name: string): name is StreamName {
  return Object.hasOwn(stream, name);
}
