// The bus with everything that it stores: streams of messages, and buckets of keys. Operator and
// gateway alone speak to it; pods and people go through the gateway (pod-bus.ts, view-bus.ts).
import {
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  RequestStrategy,
  StorageType,
  type StreamConfig,
} from 'nats';
import { Bucket, errorCode } from './bucket.ts';
import type { BucketSettings, Page, StreamSettings } from './bus-settings.ts';
import { type BusOptions, Connection, jsonOf, requestTimeoutMs, translated } from './connection.ts';

const streamNameInUse = 10_058;
const notFound = 404;
/** Watches of operators and gateways; a client that makes more of them than this is broken. */
const maxConsumers = 256;
/** For so long a message that is sent again is known by its id. */
const knownIdsMs = 120_000;

export class Bus implements AsyncDisposable {
  readonly connection: Connection;
  readonly #manager: JetStreamManager;

  private constructor(connection: Connection, manager: JetStreamManager) {
    this.connection = connection;
    this.#manager = manager;
  }

  static async connect(options: BusOptions, signal: AbortSignal): Promise<Bus> {
    return Bus.on(await Connection.connect(options, signal));
  }

  /** In charge of the connection. */
  static async on(connection: Connection): Promise<Bus> {
    const settings = { timeout: requestTimeoutMs, checkAPI: false };
    return new Bus(connection, await connection.nats.jetstreamManager(settings));
  }

  /** The bucket, which somebody else has made. */
  async openBucket(name: string, cluster: string): Promise<Bucket> {
    const { connection } = this;
    const { views } = connection.nats.jetstream({ timeout: requestTimeoutMs });
    const kv = await translated(`bucket ${name}`, () =>
      views.kv(name, { bindOnly: true, allow_direct: true }),
    );
    return new Bucket({ name, cluster, kv, connection, manager: this.#manager });
  }

  /** Makes the bucket where it is not there, and gives an older one what it lacks. */
  async ensureBucket(settings: BucketSettings): Promise<void> {
    const { name, history, replicas, maxBytes, maxValueBytes, republish } = settings;
    await this.#ensure({
      ...{ name: `KV_${name}`, subjects: [`$KV.${name}.>`], num_replicas: replicas, republish },
      ...{ max_msgs_per_subject: history, max_bytes: maxBytes, max_msg_size: maxValueBytes },
      ...{ storage: StorageType.File, discard: DiscardPolicy.New, max_consumers: maxConsumers },
      ...{ allow_rollup_hdrs: true, deny_delete: true, deny_purge: false, allow_direct: true },
      duplicate_window: nanos(knownIdsMs),
    });
  }

  /** Makes the stream where it is not there, and gives an older one what it lacks. */
  async ensureStream(settings: StreamSettings): Promise<void> {
    const { name, subjects, maxAgeSeconds, maxBytes, maxMessageBytes, replicas, republish } =
      settings;
    await this.#ensure({
      ...{ name, subjects: [...subjects], num_replicas: replicas, republish },
      ...{ max_bytes: maxBytes, max_msg_size: maxMessageBytes, max_consumers: maxConsumers },
      ...{ max_age: nanos(maxAgeSeconds * 1000), discard: DiscardPolicy.Old },
      ...{ allow_direct: true, duplicate_window: nanos(knownIdsMs) },
    });
  }

  async #ensure(config: Partial<StreamConfig> & { readonly name: string }): Promise<void> {
    await translated(`stream ${config.name}`, async () => {
      try {
        await this.#manager.streams.add(config);
      } catch (error) {
        if (errorCode(error) !== streamNameInUse) throw error;
        const { config: found } = await this.#manager.streams.info(config.name);
        const changed = lacking(found, config);
        if (changed !== undefined) await this.#manager.streams.update(config.name, changed);
      }
    });
  }

  /** Stored at most once under its id, however often it is sent. */
  async publish(subject: string, value: unknown, id: string): Promise<void> {
    const js = this.connection.nats.jetstream({ timeout: requestTimeoutMs });
    await translated(`publish ${subject}`, () =>
      js.publish(subject, JSON.stringify(value), { msgID: id, timeout: requestTimeoutMs }),
    );
  }

  /**
   * What a stream holds of a subject from a sequence number on, up to so many messages and bytes.
   */
  async page(
    stream: string,
    subject: string,
    from: number,
    most: { readonly messages: number; readonly bytes: number },
  ): Promise<Page> {
    return translated(`read ${stream}`, async () => {
      const asked = { seq: Math.max(1, from), next_by_subj: subject, batch: most.messages };
      const parts = await this.connection.nats.requestMany(
        `$JS.API.DIRECT.GET.${stream}`,
        JSON.stringify({ ...asked, max_bytes: most.bytes }),
        { strategy: RequestStrategy.SentinelMsg, maxWait: requestTimeoutMs },
      );
      const messages: Page['messages'][number][] = [];
      let left: number | undefined;
      for await (const { data, headers } of parts) {
        if (headers?.code === notFound) return { messages: [], left: 0 };
        if (headers === undefined || headers.code >= 300) throw new Error(headers?.description);
        left = Number(headers.last('Nats-Num-Pending'));
        if (data.length === 0) return { messages, left };
        messages.push({
          sequence: Number(headers.last('Nats-Sequence')),
          subject: headers.last('Nats-Subject'),
          value: jsonOf(data),
        });
      }
      throw new Error('the answer did not come to its end');
    });
  }

  /** Messages of a subject from now on, not stored ones. A value that is no JSON is undefined. */
  subscribe(subject: string, heard: (subject: string, value: unknown) => void): Disposable {
    return this.connection.listen(subject, ({ subject, data }) => heard(subject, jsonOf(data)));
  }

  /** Removes stored messages of a subject. */
  async purge(stream: string, subject: string): Promise<void> {
    await translated(`purge ${subject}`, () =>
      this.#manager.streams.purge(stream, { filter: subject }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }
}

/** Limits that somebody has set otherwise stay; what we cannot work without does not. */
function lacking(
  found: StreamConfig,
  wanted: Partial<StreamConfig>,
): Partial<StreamConfig> | undefined {
  const limits = ['max_bytes', 'max_msg_size', 'max_msgs_per_subject'] as const;
  const { subjects, republish, allow_direct = false } = wanted;
  const unlimited = limits.filter((name) => (found[name] ?? -1) <= 0 && wanted[name] !== undefined);
  const isComplete =
    unlimited.length === 0 &&
    JSON.stringify(found.subjects) === JSON.stringify(subjects) &&
    found.republish?.dest === republish?.dest &&
    found.allow_direct === allow_direct;
  if (isComplete) return undefined;
  return {
    ...{ ...found, allow_direct },
    ...(subjects === undefined ? {} : { subjects }),
    ...(republish === undefined ? {} : { republish }),
    ...Object.fromEntries(unlimited.map((name) => [name, wanted[name]])),
  };
}
