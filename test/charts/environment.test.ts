// The operator reads what the chart tells it: every variable by its name, and every value as the
// operator's own schema takes it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { operatorConfig } from '../../operator/config.ts';
import { root } from '../architecture/sources.ts';
import { only, type Rendered, render } from './render.ts';

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

const fields: Readonly<Record<string, string>> = {
  'metadata.namespace': 'anneal-system',
  'metadata.name': 'prod-anneal-operator-7d9f-x2x4z',
};

function variables(objects: readonly Rendered[]): Readonly<Record<string, string>> {
  const { env } = only(objects, 'Deployment', 'prod-anneal-operator')['spec'].template.spec
    .containers[0] as { env: Variable[] };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[valueFrom?.fieldRef.fieldPath ?? ''] ?? '',
    ]),
  );
}

const everything = {
  operator: { namespaces: ['team-a', 'team-b'], logLevel: 'debug', reconcilers: 8 },
  jobs: {
    image: { repository: 'registry.example.com/worker', tag: '2', pullPolicy: 'Always' },
    hubEndpoint: 'http://hub.test:8080',
    devices: {
      image: { repository: 'registry.example.com/worker', pullPolicy: 'Always' },
      resourceName: 'nvidia.com/mig-1g.10gb',
      runtimeClassName: 'nvidia',
      memory: '80Gi',
    },
  },
  features: {
    forceReplace: true,
    volumeClaimTemplate: true,
    kueueStatus: true,
    deviceLabels: true,
    gangs: ['Volcano'],
  },
  monitoring: { namespace: 'monitoring' },
  traces: { endpoint: 'http://collector.tracing:4318', namespace: 'tracing' },
  nats: { tls: { secretName: 'nats-tls' } },
};

/** For an operator outside of the cluster, which reaches the bus by another name than pods do. */
const unused = ['ANNEAL_WORKER_NATS_URL'];

test('every variable that the operator knows is set by the chart, and no other', async (t) => {
  const source = readFileSync(join(root, 'operator/config.ts'), 'utf8');
  const known = [...source.matchAll(/^ {2}(ANNEAL_[A-Z_]+):/gm)].map(([, name]) => name);
  t.true(known.length > 10);
  t.deepEqual(
    Object.keys(variables(await render(everything))).sort(),
    [...known, 'OTEL_EXPORTER_OTLP_ENDPOINT']
      .filter((name) => name !== undefined && !unused.includes(name))
      .sort(),
  );
});

test('the operator understands the chart as it comes', async (t) => {
  const config = operatorConfig(variables(await render()));
  t.is(config.namespaces, undefined);
  t.deepEqual(config.lease, { namespace: 'anneal-system', name: 'prod-anneal-operator' });
  t.is(config.pods.image, 'anneal-worker:0.1.0');
  t.deepEqual(config.pods.devices, {
    ...{ image: 'anneal-worker:0.1.0-cuda', imagePullPolicy: 'IfNotPresent' },
    ...{ resourceName: 'nvidia.com/gpu', runtimeClassName: undefined, memoryBytes: undefined },
  });
  t.deepEqual(config.bus, {
    url: 'tls://prod-anneal-nats.anneal-system.svc.cluster.local:4222',
    tokenFile: '/var/run/secrets/anneal.dev/bus-token',
    caFile: '/etc/nats-ca/ca.crt',
    replicas: 3,
  });
  t.like(config.pods.bus, { port: 4222, namespace: 'anneal-system' });
  t.deepEqual([...config.features], ['deleteFinishedJobs']);
  t.is(config.traces.type, 'Off');
});

test('the operator understands everything that can be asked for', async (t) => {
  const config = operatorConfig(variables(await render(everything)));
  t.deepEqual(config.namespaces, ['team-a', 'team-b']);
  t.is(config.reconcilers, 8);
  t.like(config.pods, {
    image: 'registry.example.com/worker:2',
    imagePullPolicy: 'Always',
    hubEndpoint: 'http://hub.test:8080',
    devices: {
      image: 'registry.example.com/worker:0.1.0-cuda',
      imagePullPolicy: 'Always',
      resourceName: 'nvidia.com/mig-1g.10gb',
      runtimeClassName: 'nvidia',
      memoryBytes: 80 * 2 ** 30,
    },
    monitoringNamespace: 'monitoring',
  });
  t.deepEqual([...config.features].sort(), [
    'deleteFinishedJobs',
    'deviceLabels',
    'forceReplace',
    'kueueStatus',
    'volumeClaimTemplate',
  ]);
  t.deepEqual(config.gangs, ['Volcano']);
  t.deepEqual(config.pods.traces, {
    endpoint: 'http://collector.tracing:4318/v1/traces',
    ...{ port: 4318, namespace: 'tracing' },
  });
  t.like(config.bus, { caFile: '/etc/nats-ca/ca.crt' });
  t.regex(config.bus?.url ?? '', /^tls:/);
});

test('without a bus, and with that of somebody else', async (t) => {
  t.is(operatorConfig(variables(await render({ bus: { enabled: false } }))).bus, undefined);
  const url = 'nats://nats.messaging:4333';
  const config = operatorConfig(variables(await render({ bus: { url, namespace: 'messaging' } })));
  t.deepEqual(config.bus, { url, tokenFile: undefined, caFile: undefined, replicas: 1 });
  t.deepEqual(config.pods.bus, { url, port: 4333, namespace: 'messaging' });
});
