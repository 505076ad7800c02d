// Buckets and streams of the bus, shared by all jobs: one stream a job would not scale. Made by the operator (or an
// administrator) once; what is there already keeps its data and gets these limits.
import { DiscardPolicy, type NatsConnection, nanos, RetentionPolicy, StorageType } from 'nats';
import { beatLifetimeSeconds, bucket, stateHistory, stream, streamSubjects } from './subjects.ts';

export interface Layout {
  /** Copies of everything that must survive a server. */
  readonly replicas: number;
  /** How long metrics, logs and events outlive what they are about. */
  readonly retentionSeconds: number;
  /** Most that metrics may take; logs get a quarter of it, events a sixteenth. The oldest go first. */
  readonly metricsBytes: number;
}

const largestRecord = 64 * 1024;
/** Member lists of thousands of workers. */
const largestState = 1024 * 1024;
const duplicateSeconds = 120;

export async function ensureLayout(connection: NatsConnection, layout: Layout): Promise<void> {
  const { views } = connection.jetstream();
  const { replicas } = layout;
  await views.kv(bucket.state, {
    ...{ history: stateHistory, maxValueSize: largestState, replicas },
    storage: StorageType.File,
  });
  await views.kv(bucket.beat, {
    ...{ history: 1, maxValueSize: largestRecord, replicas: 1 },
    ttl: beatLifetimeSeconds * 1000,
    storage: StorageType.Memory,
  });
  const share = { metrics: 1, logs: 1 / 4, events: 1 / 16 } as const;
  for (const name of ['metrics', 'logs', 'events'] as const) {
    await ensureStream(connection, stream[name], {
      subjects: [streamSubjects[name]],
      max_age: nanos(layout.retentionSeconds * 1000),
      max_bytes: Math.floor(layout.metricsBytes * share[name]),
      num_replicas: replicas,
    });
  }
}

interface StreamLimits {
  readonly subjects: string[];
  readonly max_age: number;
  readonly max_bytes: number;
  readonly num_replicas: number;
}

async function ensureStream(
  connection: NatsConnection,
  name: string,
  limits: StreamLimits,
): Promise<void> {
  const manager = await connection.jetstreamManager();
  const known = await manager.streams.list().next();
  if (known.some(({ config }) => config.name === name)) {
    await manager.streams.update(name, limits);
    return;
  }
  await manager.streams.add({
    name,
    ...limits,
    max_msg_size: largestRecord,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    storage: StorageType.File,
    duplicate_window: nanos(duplicateSeconds * 1000),
    allow_direct: true,
  });
}
