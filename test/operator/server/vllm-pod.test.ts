import test from 'ava';
import { podHandover } from '../../../crds/serve/handover.ts';
import { servingVariable } from '../../../crds/serve/pod.ts';
import { deploymentFor } from '../../../operator/server/objects.ts';
import { aBuiltServer, claimed, vllm } from '../../builders/adapter-server.ts';
import { someSettings } from '../../builders/built-job.ts';
import { violations } from '../../doubles/restricted-profile.ts';

const folder = '/volumes/results/first/adapter';
const places = {
  listed: [{ name: 'first', folder }],
  refused: [],
  claims: ['results'],
  buckets: [],
};

function podOf(changes: object = {}) {
  const server = aBuiltServer({ engine: vllm, devicesPerReplica: 1, ...changes }, places);
  const { spec } = deploymentFor(server, someSettings).spec.template;
  const [first] = spec.initContainers ?? [];
  const [container] = spec.containers;
  return { spec, first, container };
}

test('pods of vLLM are within the restricted profile, and have the image that the user names', (t) => {
  const { spec, first, container } = podOf();
  t.deepEqual(violations(spec), []);
  t.false(spec.automountServiceAccountToken);
  t.is(container?.image, vllm.vllm.image);
  t.is(first?.image, someSettings.image);
  t.is(container?.resources?.limits?.['nvidia.com/gpu'], '1');
  t.is(first?.resources?.limits?.['nvidia.com/gpu'], undefined);
});

test('what follows from the spec is on the command line, the rest is read from a file', (t) => {
  const limits = { sequences: 4, cacheMemory: '1Gi' };
  const { container } = podOf({ modelName: 'small', precision: 'BFloat16', limits });
  t.deepEqual(container?.args, [
    ...['vllm', 'serve', '/var/cache/anneal/vllm/model'],
    ...['--served-model-name', 'small', '--port', '8000', '--max-num-seqs', '4'],
    ...['--tensor-parallel-size', '1', '--dtype', 'bfloat16'],
    ...['--kv-cache-memory-bytes', String(2 ** 30)],
  ]);
  t.regex(container?.command?.[2] ?? '', /< \/var\/cache\/anneal\/vllm\/arguments\nexec "\$@"$/);
});

test('where the spec says nothing, vLLM decides of type and cache', (t) => {
  const args = podOf().container?.args ?? [];
  t.false(args.includes('--dtype'));
  t.false(args.includes('--kv-cache-memory-bytes'));
});

test('the first container is told the adapters, and has the credentials alone', (t) => {
  const hub = { repository: 'a/b', tokenSecretRef: { name: 'hub' } };
  const { first, container } = podOf({
    ...{ model: { source: { huggingFace: hub } }, adapters: [claimed('first')] },
    limits: { sequences: 4, context: 512 },
  });
  const told = first?.env?.find(({ name }) => name === servingVariable)?.value ?? '';
  t.deepEqual(
    { ...podHandover.parse(JSON.parse(told)), model: undefined },
    {
      ...{ name: 'base', model: undefined, volumes: { results: '/volumes/results' } },
      ...{ adapters: places.listed, anyBase: false, context: 512, together: 4, devices: 1 },
    },
  );
  const secretsOf = (one: typeof first) =>
    one?.env?.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
  t.deepEqual(secretsOf(first), [{ name: 'hub', key: 'token' }]);
  t.deepEqual(secretsOf(container), []);
});

test('both containers find base and adapters at the same paths', (t) => {
  const { first, container } = podOf();
  const paths = ({ volumeMounts = [] }: NonNullable<typeof first>) =>
    volumeMounts.map(({ mountPath }) => mountPath);
  t.deepEqual(first && paths(first), container && paths(container));
  t.true(first && paths(first).includes('/volumes/results'));
});

test('a model over several devices has shared memory for its processes', (t) => {
  const memoryOf = (devicesPerReplica: number) =>
    podOf({ devicesPerReplica }).container?.volumeMounts?.some(
      ({ mountPath }) => mountPath === '/dev/shm',
    );
  t.false(memoryOf(1));
  t.true(memoryOf(2));
});

test('a pod that goes is still asked for a while, and has an hour to start', (t) => {
  const { container } = podOf();
  t.deepEqual(container?.lifecycle?.preStop?.exec?.command, ['sleep', '10']);
  const { periodSeconds = 0, failureThreshold = 0, httpGet } = container?.startupProbe ?? {};
  t.is(periodSeconds * failureThreshold, 3600);
  t.is(httpGet?.path, '/health');
});
