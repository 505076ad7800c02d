// Kubernetes Events of a job, from the operator and the cluster, oldest first.
import * as z from 'zod';
import type { Kube } from '../client/kube.ts';
import type { Job } from './job.ts';
import type { JobEvent } from './source.ts';

const time = z.string().nullish();
const eventObject = z.object({
  type: z.string().default('Normal'),
  reason: z.string().default(''),
  note: z.string().default(''),
  series: z.object({ count: z.number().default(1), lastObservedTime: time }).nullish(),
  eventTime: time,
  deprecatedCount: z.number().nullish(),
  deprecatedLastTimestamp: time,
  deprecatedFirstTimestamp: time,
});
const list = z.object({ items: z.array(z.unknown()).nullish() });

export function jobEvents(
  kube: Kube,
  { namespace, uid }: Job,
  signal: AbortSignal,
): Promise<readonly JobEvent[]> {
  return eventsOf(kube, namespace, uid, signal);
}

/** Events of any object. */
export async function eventsOf(
  kube: Kube,
  namespace: string,
  uid: string,
  signal: AbortSignal,
): Promise<readonly JobEvent[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
  const query = { fieldSelector: `regarding.uid=${uid}`, limit: 500 };
  const { items } = list.parse(await kube.send({ verb: 'GET', path, query }, signal));
  return (items ?? [])
    .flatMap((item) => {
      const parsed = eventObject.safeParse(item);
      return parsed.success ? [toJobEvent(parsed.data)] : [];
    })
    .toSorted((a, b) => a.time - b.time);
}

function toJobEvent(one: z.output<typeof eventObject>): JobEvent {
  const at =
    one.series?.lastObservedTime ??
    one.deprecatedLastTimestamp ??
    one.eventTime ??
    one.deprecatedFirstTimestamp;
  return {
    time: at ? Date.parse(at) / 1000 : 0,
    type: one.type === 'Warning' ? 'Warning' : 'Normal',
    reason: one.reason,
    message: one.note,
    count: one.series?.count ?? one.deprecatedCount ?? 1,
  };
}
