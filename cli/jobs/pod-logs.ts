// The logs of the pods that are there, from the API server: for a cluster without a bus, and for the container before the last restart.
import * as z from 'zod';
import { label } from '../../crds/index.ts';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { listAll } from '../client/kube-watch.ts';
import type { Job } from './job.ts';
import type { Heard, LogLine, LogsAsked } from './source.ts';

const pod = z.object({
  metadata: z.object({
    name: z.string(),
    creationTimestamp: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({ containers: z.array(z.object({ name: z.string() })).min(1) }),
});

const indexAnnotation = 'batch.kubernetes.io/job-completion-index';
/** A line of a follower may come after any time. */
const quietMs = 0;

export async function* podLogs(
  kube: Kube,
  job: Job,
  { follow, previous }: LogsAsked,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  const path = `/api/v1/namespaces/${job.namespace}/pods`;
  const labelSelector = `${label.jobUid}=${job.uid}`;
  const { objects } = await listAll(kube, { path, labelSelector }, signal);
  const pods = objects.flatMap((object) => {
    const parsed = pod.safeParse(object);
    return parsed.success ? [parsed.data] : [];
  });
  const streams = pods.map((one) => podLines(kube, job, one, { follow, previous }, signal));
  if (follow) {
    yield { type: 'UpToDate' };
    yield* merged(streams);
    return;
  }
  for (const stream of streams) for await (const line of stream) yield { type: 'Log', line };
  yield { type: 'UpToDate' };
}

async function* podLines(
  kube: Kube,
  job: Job,
  { metadata, spec }: z.output<typeof pod>,
  { follow, previous }: LogsAsked,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const path = `/api/v1/namespaces/${job.namespace}/pods/${metadata.name}/log`;
  const container = spec.containers[0]?.name ?? '';
  const query = { container, follow, previous, timestamps: true };
  const index = Number(metadata.annotations[indexAnnotation] ?? 0);
  try {
    for await (const line of kube.lines({ verb: 'GET', path, query }, quietMs, signal)) {
      yield lineOf(line, index);
    }
  } catch (error) {
    // A pod that has not started or has no earlier container has no log: that is no trouble of the others.
    if (!(error instanceof KubeError) || ![400, 404].includes(error.status)) throw error;
  }
}

/** `2026-01-01T00:00:00.1Z {"level":"info","msg":"…"}`: what a supervisor writes, or any other text. */
function lineOf(line: string, index: number): LogLine {
  const space = line.indexOf(' ');
  const time = Date.parse(line.slice(0, space)) / 1000;
  const words = line.slice(space + 1);
  return { time: Number.isNaN(time) ? 0 : time, index, ...levelAndText(words) };
}

const levels = ['error', 'warn', 'info', 'debug'] as const;
const written = z.looseObject({
  level: z.union([z.enum(levels), z.number()]).optional(),
  msg: z.string().optional(),
  text: z.string().optional(),
});

function levelAndText(words: string): Pick<LogLine, 'level' | 'text'> {
  const parsed = written.safeParse(parsedOr(words));
  if (!parsed.success) return { level: 'info', text: words };
  const { level = 'info', msg, text } = parsed.data;
  const named = typeof level === 'string' ? level : levelOfNumber(level);
  return { level: named, text: text ?? msg ?? words };
}

/** As pino numbers them. */
function levelOfNumber(level: number): LogLine['level'] {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warn';
  return level >= 30 ? 'info' : 'debug';
}

function parsedOr(text: string): unknown {
  try {
    return text.startsWith('{') ? JSON.parse(text) : undefined;
  } catch {
    return undefined; // any other text
  }
}

/** Whatever comes next of any of them. */
async function* merged(streams: readonly AsyncGenerator<LogLine>[]): AsyncGenerator<Heard> {
  const waiting = new Map(streams.map((stream) => [stream, next(stream)]));
  try {
    while (waiting.size > 0) {
      const { stream, result } = await Promise.race(waiting.values());
      if (result.done === true) waiting.delete(stream);
      else {
        waiting.set(stream, next(stream));
        yield { type: 'Log', line: result.value };
      }
    }
  } finally {
    for (const stream of waiting.keys()) void stream.return(undefined).catch(() => undefined); // aborted
  }
}

async function next(stream: AsyncGenerator<LogLine>) {
  return { stream, result: await stream.next() };
}
