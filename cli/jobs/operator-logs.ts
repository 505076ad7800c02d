// The lines of the operator's log that name one job.
import * as z from 'zod';
import type { Kube } from '../client/kube.ts';
import { partsOf } from '../client/system-pods.ts';
import { type Job, keyOf } from './job.ts';
import { lineOf, logsOfPods, parsedOr } from './pod-logs.ts';
import type { Heard, LogLine, LogsAsked } from './source.ts';

/** By name, or by identity on the bus. */
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
  const where = { namespace, labelSelector: partsOf('operator') };
  yield* logsOfPods(kube, where, asked, read, signal);
}
