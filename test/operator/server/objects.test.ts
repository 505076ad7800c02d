import test from 'ava';
import { podServing, servingVariable } from '../../../crds/serve/pod.ts';
import { deploymentFor, listFor, serviceFor } from '../../../operator/server/objects.ts';
import { aBuiltServer, claimed } from '../../builders/adapter-server.ts';
import { someSettings } from '../../builders/built-job.ts';
import { violations } from '../../doubles/restricted-profile.ts';

const podOf = (changes = {}, settings = someSettings) =>
  deploymentFor(aBuiltServer(changes), settings).spec.template.spec;

const servingOf = (changes = {}) => {
  const text = podOf(changes).containers[0]?.env?.find(({ name }) => name === servingVariable);
  return podServing.parse(JSON.parse(text?.value ?? ''));
};

test('pods of servers are within the restricted profile and have no token', (t) => {
  const pod = podOf();
  t.deepEqual(violations(pod), []);
  t.false(pod.automountServiceAccountToken);
});

test('a new pod is ready before an old one goes, and has time to answer what is open', (t) => {
  const { strategy, template } = deploymentFor(aBuiltServer(), someSettings).spec;
  t.deepEqual(strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
  t.is(template.spec.terminationGracePeriodSeconds, 120);
  t.is(template.spec.containers[0]?.readinessProbe?.httpGet?.path, '/readyz');
});

test('the Service finds the pods, and the Deployment the same ones', (t) => {
  const server = aBuiltServer();
  const { selector, template } = deploymentFor(server, someSettings).spec;
  const service = serviceFor(server).spec.selector;
  t.deepEqual(service, selector.matchLabels);
  t.like(template.metadata.labels, service);
  const [port] = serviceFor(server).spec.ports;
  t.is(template.spec.containers[0]?.ports?.[0]?.name, port?.targetPort);
});

test('adapters are in the list alone: one more on a claim that is mounted changes no pod', (t) => {
  const places = (names: readonly string[]) => ({
    listed: names.map((name) => ({ name, folder: `/volumes/results/${name}` })),
    ...{ refused: [], claims: ['results'], buckets: [] },
  });
  const one = aBuiltServer({}, places(['first']));
  const two = aBuiltServer(
    { adapters: ['first', 'second'].map((name) => claimed(name)) },
    places(['first', 'second']),
  );
  t.deepEqual(deploymentFor(one, someSettings), deploymentFor(two, someSettings));
  t.deepEqual(JSON.parse(listFor(two).data['adapters.json']), {
    adapters: [
      { name: 'first', folder: '/volumes/results/first' },
      { name: 'second', folder: '/volumes/results/second' },
    ],
  });
});

test('what the spec says of serving is what the pod is told', (t) => {
  const parts = [{ adapter: 'first', weight: '0.5' }];
  const serving = servingOf({
    modelName: 'small',
    precision: 'BFloat16',
    compose: [{ name: 'both', mode: 'Logits', parts }],
    limits: { sequences: 4, queue: 8, context: 512, maxTokens: 64, cacheMemory: '1Gi' },
  });
  t.deepEqual(
    { ...serving, model: undefined },
    {
      ...{ name: 'small', model: undefined, device: 'cpu', dtype: 'bfloat16', anyBase: false },
      volumes: { results: '/volumes/results' },
      compositions: [
        { name: 'both', mode: 'logits', parts: [{ adapter: 'first', weight: 0.5 }], span: 8 },
      ],
      queue: 8,
      limits: { together: 4, context: 512, cacheBytes: 2 ** 30, maxTokens: 64 },
    },
  );
});

test('claims are mounted once and for reading; credentials come from their Secret', (t) => {
  const source = { persistentVolumeClaim: { claimName: 'results', path: 'model' } };
  const { volumes = [], containers } = podOf({ model: { source } });
  const claims = volumes.filter((one) => one.persistentVolumeClaim !== undefined);
  t.is(claims.length, 1);
  const mount = containers[0]?.volumeMounts?.find(({ name }) => name === claims[0]?.name);
  t.like(mount, { mountPath: '/volumes/results', readOnly: true });
  const hub = { repository: 'a/b', tokenSecretRef: { name: 'hub' } };
  const env = podOf({ model: { source: { huggingFace: hub } } }).containers[0]?.env ?? [];
  t.deepEqual(
    env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
    [{ name: 'hub', key: 'token' }],
  );
});

test('keys of buckets come from the Secrets that adapters name, each once', (t) => {
  const s3 = (uri: string, name: string) => ({ uri, credentialsSecretRef: { name } });
  const buckets = [s3('s3://a/x', 'ours'), s3('s3://a/y', 'ours'), s3('s3://b/z', 'theirs')];
  const places = {
    listed: buckets.map((one, i) => ({ name: `a${i}`, s3: one })),
    ...{ refused: [], claims: [], buckets },
  };
  const envOf = (some: typeof places) =>
    deploymentFor(aBuiltServer({}, some), someSettings).spec.template.spec.containers[0]?.env ?? [];
  const keys = envOf(places).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
  t.deepEqual([...new Set(keys.map(({ name }) => name))], ['ours', 'theirs']);
  t.is(keys.length, 6);
  const first = { ...places, buckets: buckets.slice(0, 1), listed: places.listed.slice(0, 1) };
  const more = { ...places, buckets: buckets.slice(0, 2), listed: places.listed.slice(0, 2) };
  t.deepEqual(envOf(first), envOf(more), 'another adapter with the same keys is no other pod');
});

test('a device brings its image, its resource and weights in bfloat16', (t) => {
  const pod = podOf({ devicesPerReplica: 1, resources: { limits: { memory: '8Gi' } } });
  const [container] = pod.containers;
  t.is(container?.image, someSettings.devices.image);
  t.deepEqual(container?.resources?.limits, { memory: '8Gi', 'nvidia.com/gpu': '1' });
  t.true(pod.tolerations?.some(({ key }) => key === 'nvidia.com/gpu'));
  t.like(servingOf({ devicesPerReplica: 1 }), { device: 'cuda:0', dtype: 'bfloat16' });
});
