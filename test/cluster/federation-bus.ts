// A NATS server in a namespace of the cluster, with the accounts and the keys of a federation.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKeys } from '../../cli/federation/make-keys.ts';
import { type Closing, kubectl } from './access.ts';

interface BusOfFederation {
  readonly url: string;
  /** Puts the key of a party, `hub` or `client-north`, into a Secret. */
  secret(namespace: string, name: string, key: string): Promise<void>;
}

export async function aFederationBus(
  t: Closing,
  namespace: string,
  federation: string,
  clients: readonly string[],
): Promise<BusOfFederation> {
  const keys = await mkdtemp(join(tmpdir(), 'anneal-federation-keys-'));
  t.teardown(() => rm(keys, { recursive: true, force: true }));
  await makeKeys(keys, federation, clients);
  const config = [
    'listen: 0.0.0.0:4222',
    'jetstream { store_dir: "/data", domain: hub }',
    'accounts { include ./accounts.conf }',
  ].join('\n');
  const data = {
    'nats.conf': config,
    'accounts.conf': await readFile(join(keys, 'accounts.conf'), 'utf8'),
  };
  const labels = { app: 'federation-bus' };
  const metadata = { name: 'federation-bus', namespace };
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { selector: labels, ports: [{ port: 4222 }] },
    },
    { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, labels }, spec: pod },
  ];
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  const ready = ['wait', '--for=condition=Ready', 'pod/federation-bus', '--timeout=120s'];
  await kubectl(['-n', namespace, ...ready]);
  return {
    url: `nats://federation-bus.${namespace}.svc:4222`,
    async secret(where, name, key) {
      const file = `--from-file=key=${join(keys, `${key}.key`)}`;
      await kubectl(['-n', where, 'create', 'secret', 'generic', name, file]);
    },
  };
}

/** Within the restricted profile, as the chart runs its own. */
const pod = {
  terminationGracePeriodSeconds: 1,
  securityContext: {
    ...{ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 },
    seccompProfile: { type: 'RuntimeDefault' },
  },
  containers: [
    {
      ...{ name: 'nats', image: 'localhost/nats:1', imagePullPolicy: 'Never' },
      args: ['--config', '/etc/nats/nats.conf'],
      volumeMounts: [
        { name: 'config', mountPath: '/etc/nats' },
        { name: 'data', mountPath: '/data' },
      ],
      securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      readinessProbe: { tcpSocket: { port: 4222 }, periodSeconds: 1 },
    },
  ],
  volumes: [
    { name: 'config', configMap: { name: 'federation-bus' } },
    { name: 'data', emptyDir: { sizeLimit: '8Gi' } },
  ],
};
