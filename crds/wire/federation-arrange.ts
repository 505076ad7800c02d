// The buckets of a federation, made where they are not there. Only the hub may; each is bounded in
// bytes, so no client takes the space of another. Records take no roll-ups: who may write one key
// could empty the whole bucket by a header.
import { DiscardPolicy, nanos, StorageType, type StreamConfig } from 'nats';
import { errorCode } from './bucket.ts';
import { type Connection, requestTimeoutMs, translated } from './connection.ts';
import {
  bucketBytes,
  largestMessageBytes,
  largestRecordBytes,
  namesOf,
  streamOf,
} from './federation-bus.ts';

const streamNameInUse = 10_058;
/** For so long a chunk that is sent again is known by its id; longer than a link is away. */
const knownIdsMs = 3_600_000;

export async function arrangeFederation(
  connection: Connection,
  federation: string,
  clients: readonly string[],
  bytes: { readonly records: number; readonly hub: number; readonly client: number } = bucketBytes,
): Promise<void> {
  const { records, objects, uploads } = namesOf(federation);
  const configs = [
    recordBucket(records, bytes.records),
    objectBucket(objects, bytes.hub),
    ...clients.map((client) => objectBucket(uploads(client), bytes.client)),
  ];
  await translated('the buckets of the federation', async () => {
    const settings = { timeout: requestTimeoutMs, checkAPI: false };
    const { streams } = await connection.nats.jetstreamManager(settings);
    for (const config of configs) {
      await streams.add(config).catch(async (error: unknown) => {
        if (errorCode(error) !== streamNameInUse) throw error;
        await streams.update(config.name, config);
      });
    }
  });
}

type Config = Partial<StreamConfig> & { readonly name: string };

const common = {
  ...{ storage: StorageType.File, discard: DiscardPolicy.New, allow_direct: true },
  ...{ num_replicas: 1, deny_delete: true },
} as const;

function recordBucket(bucket: string, bytes: number): Config {
  return {
    ...{ ...common, name: streamOf.records(bucket), subjects: [`$KV.${bucket}.>`] },
    ...{ max_msgs_per_subject: 1, max_bytes: bytes, max_msg_size: largestRecordBytes },
    ...{ allow_rollup_hdrs: false, deny_purge: true },
  };
}

function objectBucket(bucket: string, bytes: number): Config {
  return {
    ...{ ...common, name: streamOf.objects(bucket) },
    ...{ subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`] },
    ...{ max_bytes: bytes, max_msg_size: largestMessageBytes },
    ...{ allow_rollup_hdrs: true, deny_purge: false, duplicate_window: nanos(knownIdsMs) },
  };
}
