// What the cluster offers besides the Kubernetes that every cluster has: gang schedulers, a queue.
// Asked once, at the start.
import * as z from 'zod';
import {
  adapterNames,
  apiVersion,
  federationNames,
  federationPeerNames,
  poolNames,
  serverNames,
} from '../crds/names/group.ts';
import type { SiteFacts } from './job/facts.ts';
import { type GangFlavour, podGroupResources } from './objects/pod-group.ts';
import { isStatus } from './runtime/api-error.ts';
import type { KubeClient } from './runtime/client.ts';

const resources = z.object({ resources: z.array(z.object({ name: z.string() })).default([]) });

interface Discovered {
  readonly gangs: readonly GangFlavour[];
  readonly hasQueues: SiteFacts['hasQueues'];
  readonly hasAdapters: SiteFacts['hasAdapters'];
  readonly hasServers: boolean;
  readonly hasFederations: boolean;
  readonly hasPools: boolean;
}

export async function discover(
  client: KubeClient,
  allowed: readonly GangFlavour[],
  signal: AbortSignal,
): Promise<Discovered> {
  const gangs: GangFlavour[] = [];
  for (const flavour of allowed) {
    const { group, version } = podGroupResources[flavour];
    if (await offers(client, `/apis/${group}/${version}`, 'podgroups', signal)) gangs.push(flavour);
  }
  const hasQueues = await offers(client, '/apis/kueue.x-k8s.io/v1beta1', 'workloads', signal);
  const hasAdapters = await offers(client, `/apis/${apiVersion}`, adapterNames.plural, signal);
  const hasServers = await offers(client, `/apis/${apiVersion}`, serverNames.plural, signal);
  const ofFederations = [federationNames.plural, federationPeerNames.plural];
  let hasFederations = true;
  for (const one of ofFederations) {
    hasFederations &&= await offers(client, `/apis/${apiVersion}`, one, signal);
  }
  const hasPools = await offers(client, `/apis/${apiVersion}`, poolNames.plural, signal);
  return { gangs, hasQueues, hasAdapters, hasServers, hasFederations, hasPools };
}

async function offers(
  client: KubeClient,
  path: string,
  plural: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const found = resources.parse(await client.transport.send({ verb: 'GET', path }, signal));
    return found.resources.some(({ name }) => name === plural);
  } catch (error) {
    if (isStatus(error, 404)) return false;
    throw error;
  }
}
