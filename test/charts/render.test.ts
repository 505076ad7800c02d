// What Helm makes of the chart, over all pairs of flags: objects that an API server takes, names
// that lead somewhere, pods that a namespace with the restricted profile admits.
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { violations } from '../doubles/restricted-profile.ts';
import { pairwise, valuesOf } from './combinations.ts';
import { shapeProblems } from './kube-shape.ts';
import { brokenReferences, idOf, podsOf } from './references.ts';
import { lint, ofKind, only, type Rendered, refusal, release, render } from './render.ts';

/** Kinds of add-ons, whose models the client does not have. */
const foreignKinds = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
const given = ['given', 'given-keys', 'nats-tls', 'default'];

const choices = pairwise();
const rendered = (async () => {
  const all: { readonly at: string; readonly objects: readonly Rendered[] }[] = [];
  for (const choice of choices) {
    all.push({ at: JSON.stringify(choice), objects: await render(valuesOf(choice)) });
  }
  return all;
})();

async function everywhere(find: (objects: readonly Rendered[]) => readonly string[]) {
  return (await rendered).flatMap(({ at, objects }) =>
    find(objects).map((problem) => `${at}: ${problem}`),
  );
}

test('Helm has nothing to say against the chart, strictly asked', async (t) => {
  t.regex(await lint(), /1 chart\(s\) linted, 0 chart\(s\) failed/);
  t.notRegex(await lint(), /\[(WARNING|ERROR)\]/);
});

test('every pair of flag values meets in some combination', (t) => {
  t.true(choices.length >= 15, `${choices.length} combinations`);
  t.log(`${choices.length} combinations`);
});

test('every field of every object is one that Kubernetes knows, with a value of its type', async (t) => {
  t.deepEqual(
    await everywhere((objects) =>
      objects.flatMap((object) => {
        const found = shapeProblems(object);
        if (found !== undefined) return found;
        return foreignKinds.includes(object.kind) ? [] : [`${object.kind} is not known`];
      }),
    ),
    [],
  );
});

test('names are short enough, unique, and in the namespace of the release or a watched one', async (t) => {
  t.deepEqual(
    await everywhere((objects) => {
      const ids = objects.map(idOf);
      return [
        ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} comes twice`),
        ...objects
          .filter(({ metadata: { name } }) => !/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(name))
          .map((object) => `${idOf(object)} is no name`),
        ...objects
          .filter(({ metadata: { namespace = release.namespace } }) => {
            return ![release.namespace, 'team-a', 'team-b'].includes(namespace);
          })
          .map((object) => `${idOf(object)} is elsewhere`),
      ];
    }),
    [],
  );
});

test('every object says which release and version it belongs to', async (t) => {
  const wanted = [
    'app.kubernetes.io/instance',
    'app.kubernetes.io/version',
    'app.kubernetes.io/managed-by',
    'helm.sh/chart',
  ];
  t.deepEqual(
    await everywhere((objects) =>
      objects
        .filter(({ metadata }) => wanted.some((key) => !metadata.labels?.[key]))
        .map((object) => idOf(object)),
    ),
    [],
  );
});

test('accounts, roles, Secrets, volumes, ports and selectors lead to what they name', async (t) => {
  t.deepEqual(await everywhere((objects) => brokenReferences(objects, given)), []);
});

test('every pod meets the restricted profile, with a read-only root and limited memory', async (t) => {
  const all = await rendered;
  t.true(all.every(({ objects }) => podsOf(objects).length > 0));
  t.deepEqual(
    await everywhere((objects) =>
      podsOf(objects).flatMap(({ at, pod }) => [
        // The checker takes what an API server would.
        ...violations(pod.spec as never).map((each) => `${at}: ${each}`),
        ...[...pod.spec.containers, ...(pod.spec.initContainers ?? [])].flatMap((container) => {
          const { securityContext, resources } = container as {
            securityContext?: { readOnlyRootFilesystem?: boolean };
            resources?: { limits?: { memory?: string } };
          };
          return [
            ...(securityContext?.readOnlyRootFilesystem === true
              ? []
              : [`${at}: root is writable`]),
            ...(resources?.limits?.memory === undefined ? [`${at}: memory is not limited`] : []),
          ];
        }),
      ]),
    ),
    [],
  );
});

test('only the operator and the responder get a token of the API server', async (t) => {
  t.deepEqual(
    await everywhere((objects) => [
      ...podsOf(objects)
        .filter(({ at }) => !/-(operator|bus-auth)$/.test(at))
        .filter(({ pod }) => Reflect.get(pod.spec, 'automountServiceAccountToken') !== false)
        .map(({ at }) => at),
      ...ofKind(objects, 'ServiceAccount')
        .filter((account) => account['automountServiceAccountToken'] !== false)
        .map(idOf),
    ]),
    [],
  );
});

test('the chart as it comes: two operators with one lease, three servers, a responder, budgets', async (t) => {
  const objects = await render();
  t.is(only(objects, 'Deployment', 'prod-anneal-operator')['spec'].replicas, 2);
  t.is(only(objects, 'StatefulSet', 'prod-anneal-nats')['spec'].replicas, 3);
  t.is(ofKind(objects, 'PodDisruptionBudget').length, 3);
  t.is(ofKind(objects, 'NetworkPolicy', ...foreignKinds).length, 0);
});

test('the same seed gives the same keys to the server and to the responder, and nobody else', async (t) => {
  const readers = podsOf(await render()).filter(({ pod }) => /bus-keys/.test(JSON.stringify(pod)));
  t.deepEqual(readers.map(({ at }) => at).sort(), [
    'Deployment anneal-system/prod-anneal-bus-auth',
    'StatefulSet anneal-system/prod-anneal-nats',
  ]);
});

test('a release that changes nothing about a pod does not restart it', async (t) => {
  const templates = podsOf(await render()).map(({ pod }) => JSON.stringify(pod.metadata));
  for (const text of templates) t.notRegex(text, /helm\.sh\/chart|app\.kubernetes\.io\/version/);
});

test('the bus is encrypted by a certificate that the chart makes, or by one that is given; plain text has to be asked for', async (t) => {
  const url = (objects: readonly Rendered[]) =>
    JSON.stringify(only(objects, 'Deployment', 'prod-anneal-operator')).match(
      /(tls|nats):\/\//,
    )?.[1];
  const own = await render();
  t.is(url(own), 'tls');
  const { data } = only(own, 'Secret', 'prod-anneal-nats-tls');
  const pem = (name: string) => Buffer.from(data[name], 'base64').toString();
  const [authority, certificate] = [pem('ca.crt'), pem('tls.crt')].map(
    (text) => new X509Certificate(text),
  );
  t.true(certificate?.checkIssued(authority as X509Certificate));
  const host = 'prod-anneal-nats.anneal-system.svc.cluster.local';
  const peer = 'prod-anneal-nats-2.prod-anneal-nats-peers.anneal-system.svc.cluster.local';
  for (const name of [host, peer, 'localhost']) t.truthy(certificate?.checkHost(name), name);
  t.true(Date.parse(certificate?.validTo ?? '') - Date.now() > 9 * 365 * 86_400_000);
  const given = await render({ nats: { tls: { secretName: 'nats-tls' } } });
  t.is(ofKind(given, 'Secret').filter(({ data }) => data['tls.crt']).length, 0);
  const plain = await render({ nats: { tls: { plainText: true } } });
  t.is(url(plain), 'nats');
  t.notRegex(JSON.stringify(plain), /nats-tls|nats-ca/);
});

test('whose bus it is, a gateway stands before it; only over our own it is asked who a connection is', async (t) => {
  const url = 'nats://nats.messaging:4222';
  for (const [bus, asks] of [
    [{}, true],
    [{ auth: { mode: 'None' } }, false],
    [{ url }, false],
  ] as const) {
    const objects = await render({ bus });
    const text = JSON.stringify(only(objects, 'Deployment', 'prod-anneal-bus-auth'));
    t.is(text.includes('ANNEAL_BUS_SEED'), asks, JSON.stringify(bus));
    const role = only(objects, 'ClusterRole', 'prod-anneal-bus-auth-anneal-system');
    t.is(JSON.stringify(role).includes('tokenreviews'), asks);
  }
});

test('limits without a limit, or that deny and warn at once, are refused in words', async (t) => {
  t.regex(await refusal({ admissionPolicies: { enabled: true } }), /no limit is set/);
  const both = { enabled: true, maxDevices: 8, actions: ['Deny', 'Warn'] };
  t.regex(await refusal({ admissionPolicies: both }), /names Deny and Warn/);
});
