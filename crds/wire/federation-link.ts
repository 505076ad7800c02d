// Records and objects of a federation over a connection to NATS, by requests alone, so that they
// work across accounts and leaf nodes. Objects have the layout of NATS's object store: any client
// of it lists and reads them.
//
// Every request is asked again until it is answered or the signal is aborted: links between
// clusters go and come. A record is written on the revision that was read, so a request that was
// heard twice writes once; a chunk has an id, by which the server knows it again.
import { headers, type MsgHdrs, RequestStrategy } from 'nats';
import * as z from 'zod';
import { TransientError } from '../failures/errors.ts';
import { jsonLimits, parseJson } from '../text/json.ts';
import { type Connection, isUnheard, pause, requestTimeoutMs, translated } from './connection.ts';
import { chunkBytes, type ObjectBucket, type RecordKey, streamOf } from './federation-bus.ts';

/** Between two tries of a request that got no answer. */
const retryMs = 500;
/** For one request of chunks. */
const batch = { batch: 8, max_bytes: 8 * chunkBytes } as const;
/** Of one bucket; a state of FLoRA has one for each round. */
const mostObjects = 1024;
const codes = { endOfBatch: 204, notFound: 404, unavailable: 503, wrongRevision: 10_071 } as const;

const acknowledged = z.object({
  seq: z.int().optional(),
  error: z.object({ code: z.int(), err_code: z.int(), description: z.string() }).optional(),
});

const purged = z.object({
  success: z.boolean().default(false),
  error: z.object({ description: z.string() }).optional(),
});

/** Of an object, as NATS's object store writes it. */
const description = z.object({
  name: z.string(),
  nuid: z.string().regex(/^[-\w]{1,64}$/),
  size: z.int().min(0),
  chunks: z.int().min(0),
});

type Described = z.output<typeof description>;

interface StoredRecord {
  readonly value: unknown;
  /** 0 where there is none. */
  readonly revision: number;
}

interface Upload {
  /** SHA-256 in hexadecimal digits: its name. */
  readonly digest: string;
  /** Where chunks lie; never used for two uploads. */
  readonly nuid: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export class FederationLink {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;
  readonly #away: (sentence: string) => void;

  /** `away` is told once of each time that nobody answers. */
  constructor(connection: Connection, signal: AbortSignal, away: (sentence: string) => void) {
    this.#connection = connection;
    this.#signal = signal;
    this.#away = away;
  }

  /** A value that is no JSON is undefined. */
  async read(subject: string): Promise<StoredRecord> {
    const { data, headers: head } = await this.#ask(subject, new Uint8Array());
    if (head?.code === codes.notFound) return { value: undefined, revision: 0 };
    return { value: parsed(data), revision: Number(head?.last('Nats-Sequence') ?? 0) };
  }

  /** The new revision; false where somebody has written it since `revision`. */
  async write({ read, write }: RecordKey, value: object, revision: number) {
    const text = JSON.stringify(value);
    const head = { 'Nats-Expected-Last-Subject-Sequence': String(revision) };
    const written = await this.#publish(write, bytesOf(text), head);
    if (written !== false) return written;
    // The answer to an earlier try may have been lost.
    const found = await this.read(read);
    return JSON.stringify(found.value) === text ? found.revision : (false as const);
  }

  /** All chunks, then what describes them: an object is there when it is whole. */
  async put(bucket: ObjectBucket, { digest, nuid, chunks }: Upload): Promise<void> {
    let [count, size] = [0, 0];
    for await (const data of chunks) {
      await this.#stored(`${bucket.write}.C.${nuid}`, data, { 'Nats-Msg-Id': `${nuid}.${count}` });
      count += 1;
      size += data.length;
    }
    const described = {
      ...{ name: digest, bucket: bucket.bucket, nuid, size, chunks: count, deleted: false },
      digest: `SHA-256=${Buffer.from(digest, 'hex').toString('base64url')}=`,
      options: { max_chunk_size: chunkBytes },
    };
    const head = { 'Nats-Rollup': 'sub' };
    const text = bytesOf(JSON.stringify(described));
    await this.#stored(`${bucket.write}.M.${coded(digest)}`, text, head);
  }

  /** Where the object is described; null where it is not there. */
  async describe({ bucket, read }: ObjectBucket, digest: string) {
    const request = JSON.stringify({ last_by_subj: `$O.${bucket}.M.${coded(digest)}` });
    const { data, headers: head } = await this.#ask(read, bytesOf(request));
    if (head?.code === codes.notFound) return null;
    return description.safeParse(parsed(data)).data ?? null;
  }

  /** All objects of the bucket that somebody has described. */
  async list({ bucket, read }: ObjectBucket) {
    const asked = { multi_last: [`$O.${bucket}.M.>`], batch: mostObjects };
    const parts = await this.#patiently(`list ${bucket}`, () => this.#batch(read, asked));
    return parts.flatMap(({ data }) => description.safeParse(parsed(data)).data ?? []);
  }

  /** Its bytes, as many as it says and no more; fewer where chunks are missing. */
  async *chunks(
    { bucket, read }: ObjectBucket,
    { nuid, size }: Described,
  ): AsyncGenerator<Uint8Array> {
    let [left, from] = [size, 1];
    while (left > 0) {
      const parts = await this.#patiently(`read ${bucket}`, () =>
        this.#batch(read, { ...batch, seq: from, next_by_subj: `$O.${bucket}.C.${nuid}` }),
      );
      if (parts.length === 0) return;
      for (const { data, sequence } of parts) {
        if (data.length > left) return;
        yield data;
        left -= data.length;
        from = sequence + 1;
      }
    }
  }

  /** Removes what the stream has of a subject; everything without one. */
  async purge(subject: string, filter?: string): Promise<void> {
    const request = bytesOf(JSON.stringify(filter === undefined ? {} : { filter }));
    const options = { timeout: requestTimeoutMs };
    // A server that lost its storage has no such stream until the hub is back.
    await this.#patiently(subject, async () => {
      const { data } = await this.#connection.nats.request(subject, request, options);
      const { success, error } = purged.parse(parsed(data));
      if (!success) throw new Error(error?.description ?? 'nothing was purged');
    });
  }

  /** Removes an object; for the hub, which alone may. */
  async remove({ bucket, write }: ObjectBucket, { name, nuid }: Described): Promise<void> {
    const subject = `$JS.API.STREAM.PURGE.${streamOf.objects(bucket)}`;
    await this.purge(subject, `${write}.M.${coded(name)}`);
    await this.purge(subject, `${write}.C.${nuid}`);
  }

  async #batch(read: string, asked: object) {
    const parts: { readonly data: Uint8Array; readonly sequence: number }[] = [];
    const answers = await this.#connection.nats.requestMany(read, JSON.stringify(asked), {
      strategy: RequestStrategy.SentinelMsg,
      maxWait: requestTimeoutMs,
    });
    for await (const { data, headers: head } of answers) {
      const { code = 0, description: words } = head ?? {};
      if (code === codes.notFound || code === codes.endOfBatch) return parts;
      if (code >= 300 || head === undefined) throw new Error(words ?? 'an answer without a head');
      parts.push({ data, sequence: Number(head.last('Nats-Sequence')) });
    }
    throw new Error('the answer did not come to its end');
  }

  async #stored(subject: string, data: Uint8Array, head: Readonly<Record<string, string>>) {
    const written = await this.#publish(subject, data, head);
    if (written === false) throw refused(subject, 'another writes there');
  }

  #publish(
    subject: string,
    body: Uint8Array,
    head: Readonly<Record<string, string>>,
  ): Promise<number | false> {
    return this.#patiently(subject, async () => {
      const answer = await this.#connection.nats.request(subject, body, {
        ...{ timeout: requestTimeoutMs, headers: headersOf(head) },
      });
      const { seq, error } = acknowledged.safeParse(parsed(answer.data)).data ?? {};
      if (seq !== undefined && error === undefined) return seq;
      if (error?.err_code === codes.wrongRevision) return false;
      const words = error?.description ?? 'the answer is none of JetStream';
      if (error?.code === codes.unavailable) throw new Error(words);
      throw refused(subject, words);
    });
  }

  #ask(subject: string, body: Uint8Array) {
    const options = { timeout: requestTimeoutMs };
    return this.#patiently(subject, () => this.#connection.nats.request(subject, body, options));
  }

  async #patiently<T>(what: string, act: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      this.#signal.throwIfAborted();
      try {
        return await translated(what, act);
      } catch (error) {
        if (!(error instanceof TransientError) || error.cause instanceof Refused) throw error;
        if (this.#connection.lost.aborted) throw refused(what, 'the server has turned us away');
        if (tries === 1) this.#away(isUnheard(error) ? unheard(what) : error.message);
      }
      await pause(retryMs, this.#signal);
    }
  }
}

function parsed(data: Uint8Array): unknown {
  try {
    return parseJson(data, jsonLimits.message);
  } catch {
    return undefined; // the schema of the reader refuses it
  }
}

/** As the object store writes names in subjects. */
function coded(name: string): string {
  const text = Buffer.from(name).toString('base64url');
  return text.padEnd(4 * Math.ceil(text.length / 4), '=');
}

function headersOf(values: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [key, value] of Object.entries(values)) made.set(key, value);
  return made;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function unheard(what: string): string {
  return `nobody answers ${what}: the hub has not begun, or a link to it is down`;
}

/** Asking again would not help. */
class Refused extends Error {}

function refused(subject: string, why: string): TransientError {
  return new TransientError({
    code: 'E_BUS_UNAVAILABLE',
    message: `the bus refuses ${subject}: ${why}`,
    hint: 'compare the accounts of the server with what --make-keys writes, and the space that it has',
    cause: new Refused(why),
  });
}
