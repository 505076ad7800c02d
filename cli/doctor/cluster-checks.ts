// What jobs on a cluster need, in order of dependency: a kubeconfig, an API server that answers,
// the resource definition, permissions, an operator, a bus. A failed check is only a warning: this
// machine can run jobs without a cluster.
import * as z from 'zod';
import { group, plural, toAnnealError, version } from '../../crds/index.ts';
import type { Kube } from '../client/kube.ts';
import { listAll } from '../client/kube-watch.ts';
import { partsOf } from '../client/system-pods.ts';
import type { Check } from './check.ts';
import { checkClusterDevices } from './cluster-devices.ts';

export interface ClusterFacts {
  readonly kube: Kube;
  readonly contextName: string;
  readonly namespace: string;
  readonly systemNamespace: string;
}

/** Stops at the first failure that makes the later checks impossible. */
export async function clusterChecks(
  facts: ClusterFacts,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const server = await checkServer(facts, signal);
  if (server.state !== 'Passed') return [server];
  const definition = await checkDefinition(facts, signal);
  const rights = await checkRights(facts, signal);
  const pods = [await checkPods(facts, 'operator', signal), await checkPods(facts, 'bus', signal)];
  const devices = await checkClusterDevices(facts.kube, signal);
  return [server, definition, rights, ...pods, ...devices];
}

async function checkServer(
  { kube, contextName }: ClusterFacts,
  signal: AbortSignal,
): Promise<Check> {
  const name = 'cluster';
  const fix = 'kubectl version shows whether kubectl reaches it; --context names another';
  return guarded(name, fix, async () => {
    const answer = await kube.send({ verb: 'GET', path: '/version' }, signal);
    const { gitVersion } = z.object({ gitVersion: z.string() }).parse(answer);
    const observed = `context ${contextName}, server ${gitVersion}`;
    return { name, state: 'Passed', observed };
  });
}

async function checkDefinition({ kube }: ClusterFacts, signal: AbortSignal): Promise<Check> {
  const name = 'definition';
  const fix = 'helm install anneal charts/anneal installs it';
  return guarded(name, fix, async () => {
    await kube.send({ verb: 'GET', path: `/apis/${group}/${version}` }, signal);
    return { name, state: 'Passed', observed: `${plural}.${group} ${version}` };
  });
}

const review = z.object({ status: z.object({ allowed: z.boolean() }) });

async function checkRights({ kube, namespace }: ClusterFacts, signal: AbortSignal): Promise<Check> {
  const name = 'rights';
  return guarded(name, 'ask for the role edit in that namespace', async () => {
    const may = async (verb: string): Promise<boolean> => {
      const resourceAttributes = { group, resource: plural, verb, namespace };
      const body = {
        ...{ apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' },
        spec: { resourceAttributes },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      return review.parse(await kube.send({ verb: 'POST', path, body }, signal)).status.allowed;
    };
    const missing: string[] = [];
    for (const verb of ['list', 'create', 'patch', 'delete']) {
      if (!(await may(verb))) missing.push(verb);
    }
    if (missing.length === 0) {
      return { name, state: 'Passed', observed: `jobs of ${namespace} may be read and changed` };
    }
    const observed = `you may not ${missing.join(', ')} jobs in ${namespace}`;
    return { name, state: 'Warning', observed, fix: 'ask for the role edit in that namespace' };
  });
}

const pod = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]),
  }),
});

const components = { operator: 'operator', bus: 'nats' } as const;

async function checkPods(
  { kube, systemNamespace }: ClusterFacts,
  name: keyof typeof components,
  signal: AbortSignal,
): Promise<Check> {
  const fix =
    name === 'operator'
      ? 'helm install anneal charts/anneal; ANNEAL_SYSTEM_NAMESPACE says where it is'
      : 'jobs run without it, and show no live numbers; kubectl logs of its pods tell more';
  return guarded(name, fix, async () => {
    const labelSelector = partsOf(components[name]);
    const path = `/api/v1/namespaces/${systemNamespace}/pods`;
    const { objects } = await listAll(kube, { path, labelSelector }, signal);
    const ready = objects.filter((object) =>
      pod
        .parse(object)
        .status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    ).length;
    const observed = `${ready} of ${objects.length} pods ready in ${systemNamespace}`;
    return ready > 0
      ? { name, state: 'Passed', observed }
      : { name, state: 'Warning', observed, fix };
  });
}

async function guarded(name: string, fix: string, check: () => Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (thrown) {
    return { name, state: 'Warning', observed: toAnnealError(thrown).message, fix };
  }
}
