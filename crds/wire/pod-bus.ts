// The bus as a pod of a job has it: the records of its job, and where to send what it says. Behind
// it is the gateway; a gateway that does not answer looks like a bus that is away.
import type { Entry, Watcher } from './bus-settings.ts';
import {
  type BusOptions,
  Connection,
  type HeardMessage,
  isUnheard,
  jsonOf,
  pause,
  unavailable,
} from './connection.ts';
import { type AskRequest, answerOf, type GatewayAnswer } from './gateway.ts';
import type { HeartbeatRecord } from './state.ts';
import { heartbeatRecord } from './state.ts';
import {
  inbox,
  jobPrefix,
  type PodOnBus,
  parseHeartbeat,
  type StreamName,
  subjects,
} from './subjects.ts';

interface PodBusOptions extends Omit<BusOptions, 'inboxPrefix'> {
  readonly pod: PodOnBus;
}

type WriteRequest = Extract<AskRequest, { readonly key: string; readonly value: unknown }>;

/**
 * How often the gateway is asked for the newest revision: whether it is there, and whether nothing
 * was missed.
 */
const pulseMs = 5_000;
/** At first sooner: a list may have been of a moment before. */
const firstPulseMs = 500;
const retryMs = 1_000;
const doorTries = 5;
const doorMs = 200;

export class PodBus implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #pod: PodOnBus;
  readonly #listeners = new Set<(connected: boolean) => void>();
  #answers = true;

  private constructor(connection: Connection, pod: PodOnBus) {
    this.#connection = connection;
    this.#pod = pod;
    connection.onConnection(() => this.#changed());
  }

  static async connect({ pod, ...options }: PodBusOptions, signal: AbortSignal): Promise<PodBus> {
    const inboxPrefix = inbox.pod(pod);
    return new PodBus(await Connection.connect({ ...options, inboxPrefix }, signal), pod);
  }

  onConnection(listener: (connected: boolean) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Server and gateway are there. */
  get connected(): boolean {
    return this.#connection.connected && this.#answers;
  }

  async get(key: string): Promise<Entry | undefined> {
    const { entry } = await this.#ask({ what: 'get', key }, 'Entry');
    return entry;
  }

  /** The revision; false when there is one already. */
  create(key: string, value: unknown): Promise<number | false> {
    return this.#write({ what: 'create', key, value });
  }

  /** The new revision; false when the key has another one by now. */
  update(key: string, value: unknown, revision: number): Promise<number | false> {
    return this.#write({ what: 'update', key, value, revision });
  }

  /** The new revision. */
  async put(key: string, value: unknown): Promise<number> {
    return (await this.#ask({ what: 'put', key, value }, 'Written')).revision;
  }

  /** Kept at most once under its id, however often it is told. `json` is the message. */
  async tell(name: StreamName, json: Uint8Array, id: string): Promise<void> {
    const text = new TextDecoder().decode(json);
    const body = `{"id":${JSON.stringify(id)},"value":${text}}`;
    const raw = await this.#request(subjects.tell(this.#pod, name), body);
    // One that is refused would be refused again: it is settled.
    answerOf(jsonOf(raw), `tell ${name}`, 'Kept', 'Refused');
  }

  /** Peers and people hear it; nobody keeps it. */
  sendHeartbeat(record: HeartbeatRecord): void {
    if (this.#connection.connected) this.#connection.send(subjects.heartbeat(this.#pod), record);
  }

  /** Heartbeats of the pods of the job. The server lets a pod send its own alone. */
  onHeartbeat(heard: (heartbeat: HeartbeatRecord) => void): Disposable {
    return onHeartbeat(this.#connection, this.#pod.job, (_index, heartbeat) => heard(heartbeat));
  }

  /**
   * Tells all records of the job, then every change, until the signal is aborted. Rejects when the
   * connection is lost for good.
   */
  async watch(watcher: Watcher, signal: AbortSignal): Promise<void> {
    const { lost } = this.#connection;
    while (!signal.aborted) {
      const change = new AbortController();
      using _connection = this.#connection.onConnection(() => change.abort());
      const stop = AbortSignal.any([signal, change.signal, lost]);
      try {
        if (this.#connection.connected) await this.#follow(watcher, stop);
      } catch {
        this.#setAnswers(false);
      }
      if (lost.aborted && !signal.aborted)
        throw unavailable('the watch', 'the server has turned this connection away');
      await pause(retryMs, stop);
      watcher.again();
    }
  }

  /**
   * From a list of all records until the connection changes, the gateway does not answer, or
   * something was missed.
   */
  async #follow(watcher: Watcher, stop: AbortSignal): Promise<void> {
    const job = this.#pod.job;
    let known = 0;
    let early: HeardMessage[] | undefined = [];
    const take = (message: HeardMessage) => {
      const change = changeOf(message, jobPrefix(job));
      if (change === undefined || change.revision <= known) return;
      known = change.revision;
      watcher.entry(change.key, change.value, change.revision);
    };
    // Heard before they are listed, so that nothing falls between.
    using _told = this.#connection.listen(subjects.told(job), (message) => {
      if (early === undefined) take(message);
      else early.push(message);
    });
    await this.#connection.flush();
    known = await this.#list(watcher);
    for (const message of early) take(message);
    early = undefined;
    this.#setAnswers(true);
    watcher.ready();
    let before = known;
    let wasAhead = false;
    for (let ms = firstPulseMs; !stop.aborted; ms = Math.min(2 * ms, pulseMs)) {
      await pause(ms, stop);
      if (stop.aborted) return;
      const { head } = await this.#ask({ what: 'head' }, 'Head');
      // What was told so long ago should have been heard. A bus that has forgotten begins to count
      // anew.
      const isAhead = known > head;
      if (known < before || (isAhead && wasAhead && head === before)) return;
      before = head;
      wasAhead = isAhead;
    }
  }

  /** The newest revision. */
  async #list(watcher: Watcher): Promise<number> {
    const parts = this.#connection.askParts(subjects.ask(this.#pod, 'list'), '{}');
    for await (const raw of parts) {
      const { entries, head } = answerOf(jsonOf(raw), 'list', 'Entries');
      for (const { key, value, revision } of entries) watcher.entry(key, value, revision);
      if (head !== undefined) return head;
    }
    throw unavailable('list', 'no last part');
  }

  async #write(request: WriteRequest): Promise<number | false> {
    const answer = await this.#ask(request, 'Written', 'Conflict');
    return answer.type === 'Written' ? answer.revision : false;
  }

  async #ask<T extends GatewayAnswer['type']>(
    { what, ...body }: AskRequest,
    ...types: readonly T[]
  ) {
    const subject = subjects.ask(this.#pod, what);
    const raw = await this.#request(subject, JSON.stringify(body));
    return answerOf(jsonOf(raw), 'key' in body ? `${what} ${body.key}` : what, ...types);
  }

  /**
   * A gateway that goes is followed by another, and a door that a job has closed by itself opens
   * again: both in a moment.
   */
  async #request(subject: string, body: string): Promise<Uint8Array> {
    for (let left = doorTries; ; left -= 1) {
      try {
        return await this.#connection.ask(subject, body);
      } catch (error) {
        if (left === 0 || !isUnheard(error) || !this.#connection.connected) throw error;
        await pause(doorMs, this.#connection.lost);
      }
    }
  }

  #setAnswers(answers: boolean): void {
    if (answers === this.#answers) return;
    this.#answers = answers;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener(this.connected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

/** Heartbeats whose record names the pod that the subject names. */
export function onHeartbeat(
  connection: Connection,
  job: PodOnBus['job'],
  heard: (index: number, heartbeat: HeartbeatRecord) => void,
): Disposable {
  return connection.listen(subjects.heartbeats(job), ({ subject, data }) => {
    const from = parseHeartbeat(subject);
    const heartbeat = heartbeatRecord.safeParse(jsonOf(data)).data;
    if (from !== undefined && heartbeat?.podUID === from.uid) heard(from.index, heartbeat);
  });
}

function changeOf({ subject, data, header }: HeardMessage, prefix: string) {
  // `anneal.told.<cluster>.<key>`
  const key = subject.split('.').slice(3).join('.');
  const revision = Number(header('Nats-Sequence'));
  if (!key.startsWith(`${prefix}.`) || !(revision > 0)) return undefined;
  const isGone = header('KV-Operation') !== '';
  return { key, revision, value: isGone ? undefined : jsonOf(data) };
}
