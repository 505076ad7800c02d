// Kubernetes events about our objects, for `kubectl describe`. The same event again becomes a count
// on the first one; an object that makes many is held to a burst and then one every five minutes.
// Events never hold up or fail a reconcile.
import { createHash } from 'node:crypto';
import type { Clock } from '../../crds/clock.ts';
import { isAlreadyExists, isPassing, isStatus } from './api-error.ts';
import type { KubeClient, Manifest } from './client.ts';
import { TokenBucket } from './token-bucket.ts';

interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface EventNote {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
  /** What we did about it: a CamelCase word. */
  readonly action: string;
}

interface EventFacts {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly controller: string;
  readonly instance: string;
  readonly dropped: () => void;
}

interface Series {
  readonly name: string;
  count: number;
  lastAt: number;
  /** The API server knows the first event. */
  created: boolean;
}

const perObject = { burst: 25, perSecond: 1 / 300 };
/** An event that repeats later than this is a new one. */
const seriesMs = 6 * 60_000;
const longestQueue = 1000;
const attempts = 3;
const retryMs = 1_000;
const longestNote = 1024;

const eventResource = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  read: (raw: unknown) => raw,
};

export class EventRecorder {
  readonly #facts: EventFacts;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #series = new Map<string, Series>();
  readonly #queue: (() => Promise<void>)[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(facts: EventFacts) {
    this.#facts = facts;
  }

  record(subject: EventSubject, note: EventNote): void {
    const now = this.#facts.clock.now();
    if (!this.#bucketOf(subject.uid, now).take(now) || this.#queue.length >= longestQueue) {
      this.#facts.dropped();
      return;
    }
    const series = this.#seriesOf(subject, note, now);
    series.count += 1;
    series.lastAt = now;
    const { count } = series;
    this.#queue.push(() => this.#write(subject, note, series, count, now));
    this.#wake.resolve();
  }

  /** Sends what was recorded, one after another, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) {
        this.#wake = Promise.withResolvers<void>();
        await Promise.race([this.#wake.promise, stop]);
        continue;
      }
      await this.#send(next, attempts, signal);
    }
  }

  /** A server that is busy is asked once more, later; what it refuses is not worth a retry. */
  async #send(write: () => Promise<void>, left: number, signal: AbortSignal): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!isPassing(error) || left <= 1 || signal.aborted) {
        this.#facts.dropped();
        return;
      }
      await this.#facts.clock.sleep(retryMs, signal).catch(() => undefined);
      await this.#send(write, left - 1, signal);
    }
  }

  async #write(
    subject: EventSubject,
    note: EventNote,
    series: Series,
    count: number,
    now: number,
  ): Promise<void> {
    const signal = AbortSignal.timeout(10_000);
    const { client } = this.#facts;
    if (series.created) {
      try {
        await client.transport.send(
          {
            verb: 'PATCH',
            path: `/apis/events.k8s.io/v1/namespaces/${subject.namespace}/events/${series.name}`,
            body: { series: { count, lastObservedTime: microTime(now) } },
            contentType: 'application/merge-patch+json',
          },
          signal,
        );
        return;
      } catch (error) {
        if (!isStatus(error, 404)) throw error; // it expired on the server: begin anew
      }
    }
    try {
      await client.create(eventResource, this.#manifest(subject, note, series.name, now), signal);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error; // an answer that got lost
    }
    series.created = true;
  }

  #manifest(subject: EventSubject, note: EventNote, name: string, now: number): Manifest {
    const { controller, instance } = this.#facts;
    return {
      metadata: { name, namespace: subject.namespace },
      eventTime: microTime(now),
      reportingController: controller,
      reportingInstance: instance,
      regarding: subject,
      type: note.type,
      reason: note.reason,
      action: note.action,
      note: note.note.slice(0, longestNote),
    };
  }

  #bucketOf(uid: string, now: number): TokenBucket {
    const known = this.#buckets.get(uid);
    if (known !== undefined) return known;
    for (const [key, bucket] of this.#buckets) if (bucket.isFull(now)) this.#buckets.delete(key);
    const bucket = new TokenBucket(perObject, now);
    this.#buckets.set(uid, bucket);
    return bucket;
  }

  #seriesOf(subject: EventSubject, note: EventNote, now: number): Series {
    const key = [subject.uid, note.type, note.reason, note.note].join('\n');
    const known = this.#series.get(key);
    if (known !== undefined && now - known.lastAt < seriesMs) return known;
    for (const [old, { lastAt }] of this.#series) {
      if (now - lastAt >= seriesMs) this.#series.delete(old);
    }
    const hash = createHash('sha256').update(`${key}\n${now}`).digest('hex').slice(0, 16);
    const series: Series = {
      name: `${subject.name}.${hash}`,
      count: 0,
      lastAt: now,
      created: false,
    };
    this.#series.set(key, series);
    return series;
  }
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
