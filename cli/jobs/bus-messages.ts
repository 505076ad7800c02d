// What the workers of a job publish: everything that the streams of the bus retain, also from pods
// that are gone, then live messages. A lost connection is reported and retried; no message is
// delivered twice or skipped.
import { setTimeout as wait } from 'node:timers/promises';
import { toAnnealError } from '../../crds/index.ts';
import { logRecord, podEvent } from '../../crds/wire/pod-messages.ts';
import type { StreamName } from '../../crds/wire/subjects.ts';
import { telemetry } from '../../crds/wire/telemetry.ts';
import type { ViewBus } from '../../crds/wire/view-bus.ts';
import { type ClusterBus, connectBus } from '../client/cluster-bus.ts';
import type { ClusterSource } from './cluster-source.ts';
import type { Job } from './job.ts';
import { Queue } from './queue.ts';
import type { Heard } from './source.ts';

export interface BusAsked {
  readonly follow: boolean;
  readonly streams: readonly StreamName[];
}

const pauseMs = 2_000;

export async function* busMessages(
  { kube, config }: Pick<ClusterSource, 'kube' | 'config'>,
  job: Job,
  asked: BusAsked,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  /** Next sequence number of each stream after a reconnect. */
  const next = new Map<StreamName, number>();
  for (;;) {
    try {
      await using connected = await connectBus(kube, job, config, signal);
      yield* readStreams(connected, job, asked, next, signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      yield { type: 'Away', why: toAnnealError(error).message };
      if (!asked.follow) return;
      await wait(pauseMs, undefined, { signal }).catch(() => undefined); // aborted: seen above
      if (signal.aborted) return;
    }
  }
}

async function* readStreams(
  { bus }: ClusterBus,
  job: Job,
  { follow, streams }: BusAsked,
  next: Map<StreamName, number>,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const queue = new Queue<Heard>();
  using _connection = bus.onConnection((connected) => {
    if (!connected) queue.put({ type: 'Away', why: 'the connection to the bus was cut' });
    else queue.put({ type: 'UpToDate' });
  });
  let behind = streams.length;
  const caughtUp = () => {
    behind -= 1;
    if (behind > 0) return;
    queue.put({ type: 'UpToDate' });
    if (!follow) queue.end();
  };
  for (const name of streams) {
    readOne(bus, name, job, next, { queue, caughtUp }, both).catch((error: unknown) => {
      if (!both.aborted) queue.fail(error);
    });
  }
  // Without heartbeats a screen shows the workers by their status alone.
  using _beats =
    follow && streams.includes('metrics')
      ? bus.onHeartbeat(job, (index, heartbeat) =>
          queue.put({ type: 'Heartbeat', index, heartbeat }),
        )
      : undefined;
  try {
    yield* queue.items(signal);
  } finally {
    ended.abort();
  }
}

interface Into {
  readonly queue: Queue<Heard>;
  readonly caughtUp: () => void;
}

async function readOne(
  bus: ViewBus,
  name: StreamName,
  job: Job,
  next: Map<StreamName, number>,
  { queue, caughtUp }: Into,
  signal: AbortSignal,
): Promise<void> {
  const from = next.get(name) ?? 1;
  // After a reconnect the screen already shows the retained messages.
  let isBehind = from <= 1;
  if (!isBehind) caughtUp();
  for await (const { messages, left } of bus.pages(name, job, from, signal)) {
    for (const message of messages) {
      next.set(name, message.sequence + 1);
      const heard = heardOf(name, message);
      if (heard !== undefined) queue.put(heard);
    }
    if (isBehind && left === 0) {
      isBehind = false;
      caughtUp();
    }
    // A stream of a million messages must not pile up before a screen that draws ten frames a
    // second.
    await queue.roomy();
  }
}

/** Undefined for a message that cannot be parsed: of another version, or foreign. */
function heardOf(
  name: StreamName,
  { index, value: raw }: { readonly index: number; readonly value: unknown },
): Heard | undefined {
  switch (name) {
    case 'metrics': {
      const { data, success } = telemetry.safeParse(raw);
      return success ? { type: 'Message', index, message: data } : undefined;
    }
    case 'events': {
      const { data, success } = podEvent.safeParse(raw);
      return success ? { type: 'PodEvent', event: data } : undefined;
    }
    case 'logs': {
      const { data, success } = logRecord.safeParse(raw);
      if (!success) return undefined;
      const { time, level, text, leftOut } = data;
      const before = leftOut === undefined ? '' : `(${leftOut} lines left out) `;
      return { type: 'Log', line: { time, index: data.index, level, text: before + text } };
    }
  }
}
