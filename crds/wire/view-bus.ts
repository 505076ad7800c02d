// The bus for a person who looks at the jobs of a namespace: what is kept of a job, and what is
// added. The server announces that something was kept; its content is requested from the gateway,
// so that nothing is seen twice, out of order, or missed.
import { type BusOptions, Connection, jsonOf, pause } from './connection.ts';
import { type AnswerOf, answerOf } from './gateway.ts';
import { onHeartbeat } from './pod-bus.ts';
import type { HeartbeatRecord } from './state.ts';
import { inbox, type JobOnBus, type StreamName, subjects } from './subjects.ts';

interface ViewBusOptions extends Omit<BusOptions, 'inboxPrefix'> {
  readonly namespace: string;
}

/** Asked again after so long without a word: a word may have been lost. */
const patienceMs = 5_000;
/** A stream that is written all the time is read at most so often. */
const restMs = 50;
const retryMs = 500;

export class ViewBus implements AsyncDisposable {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async connect(
    { namespace, ...options }: ViewBusOptions,
    signal: AbortSignal,
  ): Promise<ViewBus> {
    const inboxPrefix = inbox.view(namespace);
    return new ViewBus(await Connection.connect({ ...options, inboxPrefix }, signal));
  }

  onConnection(listener: (connected: boolean) => void): Disposable {
    return this.#connection.onConnection(listener);
  }

  onHeartbeat(
    job: JobOnBus,
    heard: (index: number, heartbeat: HeartbeatRecord) => void,
  ): Disposable {
    return onHeartbeat(this.#connection, job, heard);
  }

  /**
   * What is kept from a sequence number on, page by page, then what is added; a page that has
   * nothing left is the newest.
   */
  async *pages(
    name: StreamName,
    job: JobOnBus,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerOf<'Page'>> {
    let next = from;
    let changed = Promise.withResolvers<void>();
    using _kept = this.#connection.listen(subjects.kept(job, name), () => changed.resolve());
    using _back = this.#connection.onConnection((connected) => connected && changed.resolve());
    await this.#connection.flush();
    while (!signal.aborted) {
      changed = Promise.withResolvers();
      const page = await this.#patientPage(name, job, next, signal);
      next = (page.messages.at(-1)?.sequence ?? next - 1) + 1;
      yield page;
      if (page.left > 0) continue;
      const word = new AbortController();
      void changed.promise.then(() => word.abort());
      await pause(patienceMs, AbortSignal.any([signal, word.signal]));
      await pause(restMs, signal);
    }
  }

  /**
   * A job that has just been made is known a moment later, and one that many look at waits for its
   * turn.
   */
  async #patientPage(name: StreamName, job: JobOnBus, from: number, signal: AbortSignal) {
    for (let waited = 0; ; waited += retryMs) {
      try {
        return await this.#page(name, job, from);
      } catch (error) {
        if (waited >= patienceMs || signal.aborted) throw error;
        await pause(retryMs, signal);
      }
    }
  }

  async #page(name: StreamName, job: JobOnBus, from: number): Promise<AnswerOf<'Page'>> {
    const body = JSON.stringify({ stream: name, from });
    const raw = await this.#connection.ask(subjects.view(job, 'page'), body);
    return answerOf(jsonOf(raw), `read ${name}`, 'Page');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}
