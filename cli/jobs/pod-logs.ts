// Logs of existing pods from the API server: for a cluster without a bus, and for the container
// before the last restart.
import * as z from 'zod';
import { label } from '../../crds/index.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
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
/** A followed log may be silent for any time. */
const quietMs = 0;

export async function* podLogs(
  kube: Kube,
  job: Job,
  asked: LogsAsked,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  const { namespace, uid } = job;
  const where = { namespace, labelSelector: `${label.jobUid}=${uid}` };
  yield* logsOfPods(kube, where, asked, lineOf, signal);
}

interface Where {
  readonly namespace: string;
  readonly labelSelector: string;
}

/** A line of a pod with its number; undefined where it is filtered out. */
type ReadLine = (line: string, index: number) => LogLine | undefined;

export async function* logsOfPods(
  kube: Kube,
  { namespace, labelSelector }: Where,
  { follow, previous }: LogsAsked,
  read: ReadLine,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { objects } = await listAll(kube, { path, labelSelector }, signal);
  const streams = objects.flatMap((object) => {
    const { success, data } = pod.safeParse(object);
    if (!success) return [];
    return [
      podLines(kube, `${path}/${data.metadata.name}/log`, data, { follow, previous }, signal),
    ];
  });
  const lines = streams.map((stream) => wanted(stream, read));
  if (follow) {
    yield { type: 'UpToDate' };
    yield* merged(lines);
    return;
  }
  for (const stream of lines) for await (const line of stream) yield { type: 'Log', line };
  yield { type: 'UpToDate' };
}

interface Said {
  readonly line: string;
  readonly index: number;
}

async function* podLines(
  kube: Kube,
  path: string,
  { metadata, spec }: z.output<typeof pod>,
  { follow, previous }: LogsAsked,
  signal: AbortSignal,
): AsyncGenerator<Said> {
  const container = spec.containers[0]?.name ?? '';
  const query = { container, follow, previous, timestamps: true };
  const index = Number(metadata.annotations[indexAnnotation] ?? 0);
  try {
    for await (const line of kube.lines({ verb: 'GET', path, query }, quietMs, signal)) {
      yield { line, index };
    }
  } catch (error) {
    // A pod that has not started, or has no earlier container, has no log; the other pods have
    // theirs.
    if (!(error instanceof KubeError) || ![400, 404].includes(error.status)) throw error;
  }
}

async function* wanted(said: AsyncGenerator<Said>, read: ReadLine): AsyncGenerator<LogLine> {
  for await (const { line, index } of said) {
    const found = read(line, index);
    if (found !== undefined) yield found;
  }
}

/**
 * Parses `2026-01-01T00:00:00.1Z {"level":"info","msg":"…"}` as a supervisor writes it, or any
 * other text.
 */
export function lineOf(line: string, index: number): LogLine {
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

/** Level numbers of pino. */
function levelOfNumber(level: number): LogLine['level'] {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warn';
  return level >= 30 ? 'info' : 'debug';
}

/** A line parsed as JSON; undefined for any other text. */
export function parsedOr(text: string): unknown {
  try {
    return text.startsWith('{') ? parseJson(text, jsonLimits.line) : undefined;
  } catch {
    return undefined; // any other text
  }
}

/** The next item of any of the streams. */
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
