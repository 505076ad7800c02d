// The objects of a party: a Job of one pod, which runs `anneal federate` with its state on a claim,
// and a NetworkPolicy that lets it reach names and the bus. The Job controller never has two pods
// of it at once; where a node is lost and a second one comes all the same, the later claim on the
// bus wins and the earlier process ends.
import type { V1PodSpec } from '@kubernetes/client-node';
import { label } from '../../crds/names/labels.ts';
import {
  federationVariable,
  longestFederationVariable,
  type PodFederation,
  partyKey,
  progressPort,
} from '../../crds/wire/federation-pod.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { terminationLog } from '../../crds/wire/termination-message.ts';
import { everywhere, inNamespace, names, tcp } from '../objects/network-policy.ts';
import { onePodJob, ownedMetadata } from '../objects/owned.ts';
import { textsOf } from '../objects/resources.ts';
import { containerSecurity, podSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import { claimVolumes, folderOfClaim, podVolumes, temporarySize } from '../objects/volumes.ts';
import type { AcceptedParty, ObservedParty } from './observed.ts';
import { partyKinds } from './party.ts';

/** A party that can be run. */
export interface BuiltParty extends ObservedParty {
  readonly accepted: AcceptedParty;
}

/** Pods that may fail, by what may pass, before the Job does. */
const podRetries = 20;
/** To save the step that it is at. */
const graceSeconds = 120;

function childNameOf({ role, metadata }: ObservedParty): string {
  return partyKinds[role].child(metadata.name);
}

function metadataFor(party: ObservedParty) {
  const { component, names: ofKind } = partyKinds[party.role];
  return ownedMetadata(party.metadata, childNameOf(party), {
    ...{ kind: ofKind.kind, component },
    labels: { name: label.federationName, uid: label.federationUid },
  });
}

export function jobFor(party: BuiltParty, settings: PodSettings) {
  return onePodJob({
    metadata: metadataFor(party),
    ...{ generation: party.generation, retries: podRetries, pod: podFor(party, settings) },
  });
}

export function policyFor(party: BuiltParty, settings: PodSettings, operatorNamespace: string) {
  const operator = { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } } };
  return {
    metadata: metadataFor(party),
    spec: {
      podSelector: {
        matchLabels: {
          [label.federationUid]: party.metadata.uid,
          [label.component]: partyKinds[party.role].component,
        },
      },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [{ ...inNamespace(operatorNamespace), ...operator }], ports: [tcp(progressPort)] },
      ],
      egress: [
        names(settings),
        {
          to: [{ namespaceSelector: {} }, ...everywhere],
          ports: [tcp(busPortOf(party.accepted.bus.url))],
        },
      ],
    },
  };
}

const natsPort = 4222;

function busPortOf(url: string): number {
  return Number(new URL(url).port || natsPort);
}

function podFor(party: BuiltParty, settings: PodSettings): V1PodSpec {
  const { component } = partyKinds[party.role];
  const { bus, pod, claims } = party.accepted;
  const { volumes, mounts } = podVolumes([
    { volume: { name: 'tmp', emptyDir: { sizeLimit: temporarySize } }, at: podPath.temporary },
    { volume: keyVolume(bus), at: partyKey.folder, readOnly: true },
    ...claimVolumes(
      { claims: [...claims, stateOf(pod)].map((use) => ({ ...use, role: 'worker' as const })) },
      'worker',
    ),
  ]);
  return {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: podSecurity,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: graceSeconds,
    ...(pod.imagePullSecrets && { imagePullSecrets: pod.imagePullSecrets }),
    ...(pod.nodeSelector && { nodeSelector: pod.nodeSelector }),
    ...(pod.tolerations && {
      tolerations: pod.tolerations as NonNullable<V1PodSpec['tolerations']>,
    }),
    containers: [
      {
        name: component,
        // The site's alone: limits for images of jobs do not apply here.
        ...{ image: settings.image, imagePullPolicy: settings.imagePullPolicy },
        command: ['node', '/app/cli/commands/federate/pod-main.js'],
        env: [{ name: federationVariable, value: toldTo(party) }],
        volumeMounts: mounts,
        resources: resourcesOf(party, settings),
        ports: [{ name: 'progress', containerPort: progressPort, protocol: 'TCP' }],
        securityContext: containerSecurity,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes,
  };
}

/** Only kubelet reads the Secret: it puts the one key into the pod. */
function keyVolume({ keySecretRef: { name: secretName, key } }: AcceptedParty['bus']) {
  const items = [{ key, path: partyKey.file }];
  return { name: 'key', secret: { secretName, items, defaultMode: 0o440 } };
}

function stateOf({ state }: AcceptedParty['pod']) {
  return { claimName: state.persistentVolumeClaim.claimName, writes: true };
}

function toldTo({ accepted }: BuiltParty): string {
  const { manifest, bus, pod, claims } = accepted;
  const { claimName, path } = pod.state.persistentVolumeClaim;
  const all = [claimName, ...claims.map((use) => use.claimName)];
  const told: PodFederation = {
    ...{ manifest, bus: bus.url, key: `${partyKey.folder}/${partyKey.file}` },
    ...{ port: progressPort, log: terminationLog },
    ...(bus.authority !== undefined && { authority: bus.authority }),
    state: path === '.' ? folderOfClaim(claimName) : `${folderOfClaim(claimName)}/${path}`,
    volumes: Object.fromEntries(all.map((claim) => [claim, folderOfClaim(claim)])),
  };
  return JSON.stringify(told);
}

/** Why the pod could not be told its spec; undefined where it can. */
export function tooLong(party: BuiltParty): string | undefined {
  const bytes = Buffer.byteLength(toldTo(party));
  if (bytes <= longestFederationVariable) return undefined;
  return `spec has ${bytes} bytes with its defaults; a pod is told at most ${longestFederationVariable}`;
}

function resourcesOf({ accepted: { pod } }: BuiltParty, { resources: site }: PodSettings) {
  return textsOf({
    requests: pod.resources?.requests ?? site.worker.requests,
    limits: pod.resources?.limits ?? site.worker.limits,
  });
}
