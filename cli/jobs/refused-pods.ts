// Why Kubernetes creates no pods for a Job of a job: the message of the quota, the admission policy
// or the missing service account that refuses them. It is only in the Events of the Job, which the
// operator may not read.
import * as z from 'zod';
import { label } from '../../crds/index.ts';
import type { Kube } from '../client/kube.ts';
import { listAll } from '../client/kube-watch.ts';
import { eventsOf } from './events.ts';
import type { Job } from './job.ts';

export interface RefusedPods {
  /** Name of the Job. */
  readonly job: string;
  readonly words: string;
}

const child = z.object({
  metadata: z.object({ name: z.string(), uid: z.string(), creationTimestamp: z.string() }),
  spec: z.object({
    parallelism: z.number().default(1),
    completions: z.number().nullish(),
    suspend: z.boolean().default(false),
  }),
  status: z
    .object({
      active: z.number().default(0),
      succeeded: z.number().default(0),
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
    })
    .default({ active: 0, succeeded: 0, conditions: [] }),
});
type Child = z.output<typeof child>;

/**
 * The newest Job that waits for pods and has such an Event. For a job that has ended, its last Job.
 */
export async function refusedPods(
  kube: Kube,
  { namespace, uid, spec, status }: Job,
  signal: AbortSignal,
): Promise<RefusedPods | undefined> {
  const path = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const labelled = async (labelSelector: string) => {
    const { objects } = await listAll(kube, { path, labelSelector }, signal);
    return objects.flatMap((object) => child.safeParse(object).data ?? []);
  };
  const pool = status.phase === 'Starting' ? spec.packing?.pool : undefined;
  const children = await Promise.all([
    labelled(`${label.jobUid}=${uid}`),
    // In its pod the job is to train.
    ...(pool === undefined ? [] : [labelled(`${label.poolName}=${pool}`)]),
  ]);
  const newest = children
    .flat()
    .toSorted((a, b) => b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp));
  const waiting = status.phase === 'Failed' ? newest[0] : newest.find(lacksPods);
  if (waiting === undefined) return undefined;
  const events = await eventsOf(kube, namespace, waiting.metadata.uid, signal);
  const refused = events.findLast(({ reason }) => reason === 'FailedCreate');
  if (refused === undefined) return undefined;
  return { job: waiting.metadata.name, words: plainWords(refused.message) };
}

function lacksPods({ spec, status }: Child): boolean {
  if (spec.suspend || status.conditions.some(isEnd)) return false;
  return (
    status.active + status.succeeded <
    Math.min(spec.parallelism, spec.completions ?? spec.parallelism)
  );
}

function isEnd({ type, status }: { readonly type: string; readonly status: string }): boolean {
  return status === 'True' && (type === 'Complete' || type === 'Failed');
}

/**
 * Extracts the reason of `Error creating: pods "first-w1-0-" is forbidden: exceeded quota …`: the
 * text after the name of a pod that does not exist.
 */
function plainWords(note: string): string {
  return note.replace(/^Error creating: /, '').replace(/^pods "[^"]*" is forbidden: /, '');
}
