// Selects the pod of the bus for a port-forward. An administrator of the namespace may list its
// pods; users whom the chart grants live numbers may only get the bus pods by name.
import * as z from 'zod';
import { TerminalError, toAnnealError } from '../../crds/index.ts';
import type { CliConfig } from '../process/config.ts';
import type { Kube } from './kube.ts';
import { KubeError } from './kube-error.ts';
import { listAll } from './kube-watch.ts';
import { busPodName, partsOf } from './system-pods.ts';

const pod = z.object({
  metadata: z.object({ name: z.string(), namespace: z.string() }),
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});
type Pod = z.output<typeof pod>;

type Where = Pick<CliConfig, 'systemNamespace' | 'release'>;

/** The most servers that the chart creates. */
const mostServers = 5;

export async function readyBusPod(
  kube: Kube,
  { systemNamespace: namespace, release }: Where,
  signal: AbortSignal,
): Promise<Pod['metadata']> {
  const pods = await listed(kube, namespace, signal).catch((error: unknown) => {
    if (!isForbidden(error)) throw error;
    return oneByOne(kube, { systemNamespace: namespace, release }, signal);
  });
  const ready = pods.find(({ status }) =>
    status.conditions.some((is) => is.type === 'Ready' && is.status === 'True'),
  );
  if (ready !== undefined) return ready.metadata;
  throw new TerminalError({
    code: 'E_BUS_UNAVAILABLE',
    message: `no pod of the bus is ready in ${namespace}`,
    hint: 'set ANNEAL_SYSTEM_NAMESPACE to the namespace of the chart, or ANNEAL_NATS_URL to the address of the bus',
  });
}

/** Checked before connecting: a refused connection would only be closed, without a reason. */
export async function requireForward(
  kube: Kube,
  { namespace, name }: Pod['metadata'],
  signal: AbortSignal,
): Promise<void> {
  const may = async (verb: string): Promise<boolean> => {
    const resourceAttributes = {
      verb,
      namespace,
      name,
      resource: 'pods',
      subresource: 'portforward',
    };
    const body = {
      ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
      spec: { resourceAttributes },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    // If the review itself is forbidden, the connection decides.
    const { data } = review.safeParse(
      await kube.send({ verb: 'POST', path, body }, signal).catch(() => undefined),
    );
    return data?.status.allowed ?? true;
  };
  // API servers check one verb or the other, depending on their version.
  if ((await may('get')) || (await may('create'))) return;
  throw noRight(`forward a port to pod ${name} in ${namespace} (get and create pods/portforward)`);
}

const review = z.object({ status: z.object({ allowed: z.boolean() }) });

async function listed(kube: Kube, namespace: string, signal: AbortSignal): Promise<readonly Pod[]> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { objects } = await listAll(kube, { path, labelSelector: partsOf('nats') }, signal);
  return objects.flatMap((object) => pod.safeParse(object).data ?? []);
}

async function oneByOne(
  kube: Kube,
  { systemNamespace, release }: Where,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const pods: Pod[] = [];
  for (let index = 0; index < mostServers; index++) {
    const name = busPodName(release, index);
    const path = `/api/v1/namespaces/${systemNamespace}/pods/${name}`;
    try {
      pods.push(pod.parse(await kube.send({ verb: 'GET', path }, signal)));
    } catch (error) {
      signal.throwIfAborted();
      // The permissions name the existing servers; a missing pod is one that restarts.
      if (isForbidden(error) && index === 0) throw noRight(`get pod ${name} in ${systemNamespace}`);
      const isAway = error instanceof KubeError && error.status === 404;
      if (!isAway) break;
    }
  }
  return pods;
}

function isForbidden(error: unknown): boolean {
  return toAnnealError(error).code === 'E_NOT_PERMITTED';
}

function noRight(what: string): TerminalError {
  return new TerminalError({
    code: 'E_NOT_PERMITTED',
    message: `live numbers need the right to ${what}, which you do not have; the value liveNumbers.subjects of the chart gives it`,
    hint: 'without it only the status of a job is shown',
  });
}
