// What the operator says about one job: of its log, the lines that name the job.
import * as z from 'zod';
import type { Kube } from '../client/kube.ts';
import { type Job, keyOf } from './job.ts';
import { lineOf, logsOfPods } from './pod-logs.ts';
import type { Heard, LogLine, LogsAsked } from './source.ts';

const labelSelector = 'app.kubernetes.io/name=anneal,app.kubernetes.io/component=operator';

/** By its name, or by its identity on the bus. */
const named = z.object({
  job: z.string().optional(),
  uid: z.string().optional(),
  err: z.object({ message: z.string() }).optional(),
});

export async function* operatorLogs(
  kube: Kube,
  namespace: string,
  job: Job,
  asked: LogsAsked,
  signal: AbortSignal,
): AsyncGenerator<Heard> {
  const read = (line: string, index: number): LogLine | undefined => {
    const { success, data } = named.safeParse(parsedOr(line.slice(line.indexOf(' ') + 1)));
    if (!success || (data.job !== keyOf(job) && data.uid !== job.uid)) return undefined;
    const said = lineOf(line, index);
    return data.err === undefined ? said : { ...said, text: `${said.text}: ${data.err.message}` };
  };
  yield* logsOfPods(kube, { namespace, labelSelector }, asked, read, signal);
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // any other text
  }
}
