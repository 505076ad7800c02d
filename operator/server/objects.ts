// The objects of a server: a Service by its name, the list of its adapters, and a Deployment whose
// pods read the list. A change of the list does not change the pods of our own engine.
import type { V1ConfigMap, V1Service } from '@kubernetes/client-node';
import { serverChild } from '../../crds/names/child-names.ts';
import { serverNames } from '../../crds/names/group.ts';
import { label, serverComponent } from '../../crds/names/labels.ts';
import { listPath, servingPort } from '../../crds/serve/pod.ts';
import { ownedLabels, ownedMetadata } from '../objects/owned.ts';
import type { PodSettings } from '../objects/settings.ts';
import { annealPod } from './anneal-pod.ts';
import type { BuiltServer } from './built-server.ts';
import { vllmPod } from './vllm-pod.ts';

/** A base that is fetched first takes a while. */
const progressSeconds = 3600;

const owned = {
  ...{ kind: serverNames.kind, component: serverComponent },
  labels: { name: label.serverName, uid: label.serverUid },
} as const;

function metadataFor(server: BuiltServer, child: string) {
  return ownedMetadata(server, child, owned);
}

function labelsFor(server: Pick<BuiltServer, 'name' | 'uid'>) {
  return ownedLabels(server, owned);
}

function selectorOf({ uid }: BuiltServer) {
  return { [label.serverUid]: uid, [label.component]: serverComponent };
}

/** As autoscalers write selectors. */
export function selectorText(server: BuiltServer): string {
  return Object.entries(selectorOf(server))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export function urlOf({ name, namespace }: Pick<BuiltServer, 'name' | 'namespace'>): string {
  return `http://${serverChild.service(name)}.${namespace}.svc:${servingPort}/v1`;
}

export function serviceFor(server: BuiltServer) {
  return {
    metadata: metadataFor(server, serverChild.service(server.name)),
    spec: {
      selector: selectorOf(server),
      ports: [{ name: 'http', port: servingPort, targetPort: 'http', protocol: 'TCP' }],
    },
  } satisfies V1Service;
}

/** Rewritten when adapters come or go; kubelet puts it into the pods. */
export function listFor(server: BuiltServer) {
  const adapters = server.places.listed;
  return {
    metadata: metadataFor(server, serverChild.adapters(server.name)),
    data: { [listPath.file]: JSON.stringify({ adapters }) },
  } satisfies V1ConfigMap;
}

export function deploymentFor(server: BuiltServer, settings: PodSettings) {
  const { name, uid, spec } = server;
  const podOf = readsList(server) ? annealPod : vllmPod;
  return {
    metadata: metadataFor(server, serverChild.deployment(name)),
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selectorOf(server) },
      // A pod goes when one that is ready has taken its place.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: progressSeconds,
      template: { metadata: { labels: labelsFor({ name, uid }) }, spec: podOf(server, settings) },
    },
  };
}

/** Pods of vLLM are told their adapters by their template. */
export function readsList({ spec }: Pick<BuiltServer, 'spec'>): boolean {
  return spec.engine.type === 'Anneal';
}
