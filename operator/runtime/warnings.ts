// The newest warning that the parts of Kubernetes have told about an object: why a Job has no pods,
// why a pod does not start. Asked when somebody has waited for too long, not followed: nothing is
// decided by events, they are the words of a decision.
import * as z from 'zod';
import { isStatus } from './api-error.ts';
import type { KubeClient } from './client.ts';
import { pathOf } from './resource.ts';

export interface Warning {
  readonly reason: string;
  readonly message: string;
  /** When it was told last, in milliseconds since 1970. */
  readonly at: number;
}

const time = z.string().nullish();

const eventList = z.object({
  items: z
    .array(
      z.object({
        metadata: z.object({ creationTimestamp: time }),
        reason: z.string().default(''),
        note: z.string().default(''),
        eventTime: time,
        series: z.object({ lastObservedTime: time }).nullish(),
        deprecatedLastTimestamp: time,
      }),
    )
    .nullish(),
});

type Event = NonNullable<z.output<typeof eventList>['items']>[number];

const events = { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' };
/** Kubernetes holds an hour of them, and a series is one. */
const mostEvents = 100;

/** Undefined where there is none, and where we may not ask. */
export async function newestWarning(
  { transport }: KubeClient,
  { namespace, uid }: { readonly namespace: string; readonly uid: string },
  signal: AbortSignal,
): Promise<Warning | undefined> {
  const path = pathOf(events, { namespace });
  const fieldSelector = `regarding.uid=${uid},type=Warning`;
  const query = { fieldSelector, limit: mostEvents };
  try {
    const { items } = eventList.parse(await transport.send({ verb: 'GET', path, query }, signal));
    return (items ?? []).map(warningOf).toSorted((a, b) => b.at - a.at)[0];
  } catch (error) {
    if (isStatus(error, 403) || isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** Old recorders count on the first event, new ones in a series. */
function warningOf(event: Event): Warning {
  const { metadata, reason, note, eventTime, series, deprecatedLastTimestamp } = event;
  const times = [
    series?.lastObservedTime,
    deprecatedLastTimestamp,
    eventTime,
    metadata.creationTimestamp,
  ];
  const [at = 0] = times.flatMap((text) => (text ? [Date.parse(text)] : []));
  return { reason, message: note, at };
}
