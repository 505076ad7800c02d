// What a pod tells the bus: telemetry, lines of its log, facts, heartbeats. Saying something never
// waits: it goes into an outbox, and one loop sends. Everything passes the redactor first. Lines
// also go to stdout, for whoever asks the cluster for the log of the pod.

import type { Clock } from '../../crds/clock.ts';
import type { PodBus } from '../../crds/wire/pod-bus.ts';
import {
  type LogRecord,
  longestLogLine,
  type PodEvent,
  type PodEventType,
} from '../../crds/wire/pod-messages.ts';
import type { HeartbeatRecord } from '../../crds/wire/state.ts';
import { heartbeatSeconds, type StreamName } from '../../crds/wire/subjects.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { lineOf, stepLineMs } from './line-of.ts';
import { logLimit } from './log-limit.ts';
import { Outbox, type Parcel } from './outbox.ts';
import { noTrace, type PodTrace } from './pod-trace.ts';
import type { Redactor } from './redact.ts';

interface ReportSettings {
  readonly pod: { readonly name: string; readonly uid: string; readonly index: number };
  /** Containers of one pod speak as one: their messages have different ids. */
  readonly role: string;
  readonly clock: Clock;
  readonly redact: Redactor;
  /** One line of the log of the pod, without its end. */
  readonly print: (line: string) => void;
  /** Undefined while it is away. */
  readonly bus: () => PodBus | undefined;
  readonly outboxBytes?: number;
}

type Level = LogRecord['level'];

const levels: readonly Level[] = ['error', 'warn', 'info', 'debug'];

const defaultOutboxBytes = 16 * 2 ** 20;
const batch = 64;
const largestMessage = 60 * 1024;
const pauseMs = 500;

export class Report {
  readonly #settings: ReportSettings;
  readonly #outbox: Outbox;
  readonly #limit;
  #made = 0;
  #toldDropped = 0;
  #least: Level = 'info';
  #trace: PodTrace = noTrace;
  #stepToldAt = Number.NEGATIVE_INFINITY;

  constructor(settings: ReportSettings) {
    this.#settings = settings;
    this.#outbox = new Outbox(settings.outboxBytes ?? defaultOutboxBytes);
    this.#limit = logLimit(settings.clock.monotonic());
  }

  get waiting(): number {
    return this.#outbox.size;
  }

  get dropped(): number {
    return this.#outbox.dropped;
  }

  /** Lines below this level are not written. */
  set least(level: Level) {
    this.#least = level;
  }

  /** Hears what is told from now on. */
  set trace(trace: PodTrace) {
    this.#trace = trace;
  }

  telemetry(message: Telemetry): void {
    const { clock } = this.#settings;
    this.#trace.telemetry(message);
    this.#put('metrics', message);
    const line = lineOf(message);
    if (line === undefined) return;
    const now = clock.monotonic();
    const isDue = message.type === 'step' && now - this.#stepToldAt >= stepLineMs;
    if (isDue) this.#stepToldAt = now;
    this.line(isDue ? 'info' : line.level, 'worker', line.text);
  }

  line(level: Level, from: LogRecord['from'], text: string): void {
    if (levels.indexOf(level) > levels.indexOf(this.#least)) return;
    const { clock, print, redact } = this.#settings;
    const leftOut = this.#limit.admit(level === 'error', clock.monotonic());
    const record: LogRecord = {
      ...this.#head(),
      ...{ level, from, text: redact(text).slice(0, longestLogLine) },
      ...(leftOut === undefined || leftOut === 0 ? {} : { leftOut }),
    };
    const { v: _, ...shown } = record;
    print(JSON.stringify(shown));
    if (leftOut !== undefined) this.#put('logs', record);
  }

  event(type: PodEventType, message: string, facts: Partial<PodEvent> = {}): void {
    this.#trace.event(type, facts.round);
    const event: PodEvent = { ...facts, ...this.#head(), type, message: message.slice(0, 2048) };
    this.#put('events', event);
    this.line(type === 'Ended' || type === 'Hung' ? 'warn' : 'info', 'supervisor', message);
  }

  /** Sends until the signal is aborted. A parcel stays until the bus has acknowledged it. */
  async send(signal: AbortSignal): Promise<void> {
    const { clock, bus } = this.#settings;
    const stopped = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => stopped.resolve(), { once: true });
    while (!signal.aborted) {
      await Promise.race([this.#outbox.filled(), stopped.promise]);
      const present = bus();
      const sent = present === undefined ? false : await this.#sendBatch(present);
      if (!sent) await clock.sleep(pauseMs, signal).catch(() => {});
    }
  }

  /** Sends what is left, for so long; says whether everything went. */
  async flush(withinMs: number): Promise<boolean> {
    const { clock, bus } = this.#settings;
    const end = clock.monotonic() + withinMs;
    while (this.#outbox.size > 0) {
      const present = bus();
      if (present === undefined || clock.monotonic() > end) return false;
      if (!(await this.#sendBatch(present))) return false;
    }
    return true;
  }

  /** Sends heartbeats until the signal is aborted. */
  async sendHeartbeats(
    facts: () => Omit<HeartbeatRecord, 'v' | 'podUID'>,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, pod, bus } = this.#settings;
    while (!signal.aborted) {
      const record: HeartbeatRecord = { v: 1, podUID: pod.uid, ...facts() };
      bus()?.sendHeartbeat(record);
      await clock.sleep(heartbeatSeconds * 1000, signal).catch(() => {});
    }
  }

  async #sendBatch(bus: PodBus): Promise<boolean> {
    this.#tellDropped();
    const parcels = this.#outbox.peek(batch);
    const sends = parcels.map(({ stream, value, id }) => bus.tell(stream, value, id));
    const results = await Promise.allSettled(sends);
    const failed = results.findIndex(({ status }) => status === 'rejected');
    this.#outbox.settle(failed === -1 ? parcels : parcels.slice(0, failed));
    return failed === -1;
  }

  #tellDropped(): void {
    const { dropped } = this.#outbox;
    if (dropped === this.#toldDropped) return;
    const message = `${dropped - this.#toldDropped} messages were given up while the bus was away`;
    this.#toldDropped = dropped;
    this.event('TelemetryDropped', message);
  }

  #put(stream: StreamName, message: object): void {
    const { redact } = this.#settings;
    this.#made += 1;
    const value = new TextEncoder().encode(redact(JSON.stringify(message)));
    // The stream would refuse it, again and again.
    if (value.length > largestMessage) return;
    this.#outbox.put({
      stream,
      value,
      id: `${this.#settings.role}-${this.#made}`,
    } satisfies Parcel);
  }

  #head() {
    const { clock, pod } = this.#settings;
    return { v: 1, time: clock.now() / 1000, index: pod.index, podName: pod.name } as const;
  }
}
