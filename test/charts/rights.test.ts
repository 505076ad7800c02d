// The rights of the operator are exactly those of this table, in every combination of the flags
// that they depend on, and those of its bindings lead to nobody else. The table is that of the
// design; the one addition is said in its row.
import test from 'ava';
import { ofKind, only, type Rendered, release, render } from './render.ts';

interface Features {
  readonly volumeClaimTemplate: boolean;
  readonly forceReplace: boolean;
  readonly deleteFinishedJobs: boolean;
  readonly kueueStatus: boolean;
  readonly deviceLabels: boolean;
  readonly adapterServers: boolean;
  readonly federations: boolean;
  readonly gangs: readonly string[];
}

interface Row {
  readonly resource: string;
  readonly verbs: string;
  readonly when?: (features: Features) => boolean;
}

const all = 'get list watch create patch delete';
const readsNodes = (f: Features) => f.forceReplace || f.deviceLabels;
const gang = (name: string) => (features: Features) => features.gangs.includes(name);

const inNamespacesOfJobs: readonly Row[] = [
  { resource: 'anneal.dev/finetunejobs', verbs: 'get list watch patch' },
  // Not in the first table, and needed: ttlSecondsAfterFinished deletes the job itself.
  { resource: 'anneal.dev/finetunejobs', verbs: 'delete', when: (f) => f.deleteFinishedJobs },
  { resource: 'anneal.dev/finetunejobs/status', verbs: 'patch' },
  { resource: 'anneal.dev/finetunejobs/finalizers', verbs: 'update' },
  { resource: 'anneal.dev/adapters', verbs: 'create' },
  ...[
    { resource: 'anneal.dev/adapterservers', verbs: 'get list watch' },
    { resource: 'anneal.dev/adapters', verbs: 'get list watch' },
    { resource: 'anneal.dev/adapterservers/status', verbs: 'patch' },
    { resource: 'anneal.dev/adapterservers/finalizers', verbs: 'update' },
    { resource: 'apps/deployments', verbs: 'get list watch create patch' },
    { resource: '/configmaps', verbs: 'patch' },
  ].map((row) => ({ ...row, when: (f: Features) => f.adapterServers })),
  ...['federations', 'federationpeers']
    .flatMap((plural) => [
      { resource: `anneal.dev/${plural}`, verbs: 'get list watch' },
      { resource: `anneal.dev/${plural}/status`, verbs: 'patch' },
      { resource: `anneal.dev/${plural}/finalizers`, verbs: 'update' },
    ])
    .map((row) => ({ ...row, when: (f: Features) => f.federations })),
  { resource: 'batch/jobs', verbs: all },
  { resource: '/pods', verbs: 'get list watch delete' },
  { resource: '/services', verbs: all },
  { resource: 'networking.k8s.io/networkpolicies', verbs: all },
  { resource: '/configmaps', verbs: 'create' },
  { resource: 'events.k8s.io/events', verbs: 'list create patch' },
  { resource: '/persistentvolumeclaims', verbs: 'get create', when: (f) => f.volumeClaimTemplate },
  { resource: '/pods/status', verbs: 'patch', when: (f) => f.forceReplace },
  { resource: 'scheduling.k8s.io/podgroups', verbs: all, when: gang('Native') },
  { resource: 'scheduling.x-k8s.io/podgroups', verbs: all, when: gang('Coscheduling') },
  { resource: 'scheduling.volcano.sh/podgroups', verbs: all, when: gang('Volcano') },
  { resource: 'kueue.x-k8s.io/workloads', verbs: 'get list watch', when: (f) => f.kueueStatus },
];

const inTheCluster: readonly Row[] = [
  // Its UID is the name of the cluster on the bus.
  { resource: '/namespaces[kube-system]', verbs: 'get' },
  { resource: '/nodes', verbs: 'get list watch', when: readsNodes },
];

const inItsOwnNamespace: readonly Row[] = [
  { resource: 'coordination.k8s.io/leases[prod-anneal-operator]', verbs: 'get update' },
  { resource: 'coordination.k8s.io/leases', verbs: 'create' },
];

/** `place verb group/resource` for each right; a place is a namespace, or `*`. */
function wanted(features: Features, namespaces: readonly string[]): readonly string[] {
  const places = namespaces.length === 0 ? ['*'] : namespaces;
  const rights = (rows: readonly Row[], where: readonly string[]) =>
    rows
      .filter(({ when }) => when?.(features) ?? true)
      .flatMap(({ resource, verbs }) =>
        verbs.split(' ').flatMap((verb) => where.map((place) => `${place} ${verb} ${resource}`)),
      );
  return [
    ...rights(inNamespacesOfJobs, places),
    ...rights(inTheCluster, ['*']),
    ...rights(inItsOwnNamespace, [release.namespace]),
  ].sort();
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

function granted(objects: readonly Rendered[], account: string): readonly string[] {
  const bindings = ofKind(objects, 'RoleBinding', 'ClusterRoleBinding').filter((binding) =>
    (binding['subjects'] as { name: string; namespace: string }[]).some(
      ({ name, namespace }) => name === account && namespace === release.namespace,
    ),
  );
  const rights = bindings.flatMap((binding) => {
    const { kind, name } = binding['roleRef'];
    const place = binding.kind === 'RoleBinding' ? (binding.metadata.namespace ?? '') : '*';
    const role = ofKind(objects, kind).find(
      ({ metadata }) =>
        metadata.name === name && (kind === 'ClusterRole' || metadata.namespace === place),
    );
    return ((role?.['rules'] ?? []) as Rule[]).flatMap(
      ({ apiGroups, resources, verbs, resourceNames }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) =>
            verbs.map((verb) => {
              const which = resourceNames === undefined ? '' : `[${resourceNames.join()}]`;
              return `${place} ${verb} ${group}/${resource}${which}`;
            }),
          ),
        ),
    );
  });
  return [...new Set(rights)].sort();
}

const booleans = [false, true];
const gangs = [
  [],
  ['Native'],
  ['Coscheduling'],
  ['Volcano'],
  ['Native', 'Coscheduling', 'Volcano'],
];

/**
 * Every combination; the three PodGroup rows do not touch each other, so gangs are taken one by one
 * and all together.
 */
const features: readonly Features[] = booleans.flatMap((volumeClaimTemplate) =>
  booleans.flatMap((forceReplace) =>
    booleans.flatMap((deleteFinishedJobs) =>
      booleans.map((kueueStatus, index) => ({
        ...{ volumeClaimTemplate, forceReplace, deleteFinishedJobs, kueueStatus },
        // Beside forceReplace, and alone.
        deviceLabels: volumeClaimTemplate !== kueueStatus,
        adapterServers: forceReplace !== deleteFinishedJobs,
        federations: kueueStatus !== forceReplace,
        gangs:
          gangs[
            (Number(volumeClaimTemplate) +
              2 * Number(forceReplace) +
              Number(deleteFinishedJobs) +
              index) %
              gangs.length
          ]!,
      })),
    ),
  ),
);

for (const namespaces of [[], ['team-a', 'team-b']]) {
  const where = namespaces.length === 0 ? 'the whole cluster' : 'two namespaces';
  test(`the rights over ${where} are those of the table, no more and no fewer`, async (t) => {
    for (const each of features) {
      const objects = await render({ features: each, operator: { namespaces } });
      const rights = granted(objects, 'prod-anneal-operator');
      t.deepEqual(rights, wanted(each, namespaces), JSON.stringify(each));
    }
  });
}

test('all gang flavours were looked at, alone and together', (t) => {
  for (const flavours of gangs) {
    t.true(
      features.some((each) => each.gangs === flavours),
      flavours.join(),
    );
  }
});

test('nothing in the chart may touch Secrets, roles, webhooks, CRDs, or run in a pod', async (t) => {
  const objects = await render({
    features: {
      ...{ volumeClaimTemplate: true, forceReplace: true, kueueStatus: true, gangs: gangs[4] },
      adapterServers: true,
      federations: true,
    },
  });
  const rules = ofKind(objects, 'Role', 'ClusterRole').flatMap(({ rules }) => rules as Rule[]);
  const forbidden =
    /secrets|serviceaccounts|roles|rolebindings|webhook|customresourcedefinitions|exec|attach|portforward|ephemeral|\/log|proxy|\*/;
  t.true(rules.length > 10);
  t.deepEqual(
    rules.flatMap(({ resources, verbs, apiGroups }) =>
      [...resources, ...verbs, ...apiGroups].filter((word) => forbidden.test(word)),
    ),
    [],
  );
});

test('the guard of the bus may ask whose a token is and which cluster this is, and nothing else', async (t) => {
  const objects = await render();
  t.deepEqual(granted(objects, 'prod-anneal-bus-auth'), [
    '* create authentication.k8s.io/tokenreviews',
    '* get /namespaces[kube-system]',
  ]);
  t.deepEqual(granted(objects, 'prod-anneal-nats'), []);
});

test('people who may view, edit or administer a namespace may do so with its jobs', async (t) => {
  const objects = await render();
  const verbsOf = (role: string) => {
    const found = only(objects, 'ClusterRole', `prod-anneal-${release.namespace}-${role}`);
    t.is(found.metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`], 'true');
    return (found['rules'] as Rule[]).flatMap(({ resources, verbs }) =>
      resources.includes('finetunejobs') ? verbs : [],
    );
  };
  t.deepEqual(verbsOf('view'), ['get', 'list', 'watch']);
  t.deepEqual(verbsOf('edit'), ['create', 'update', 'patch', 'delete']);
  t.true(verbsOf('admin').includes('deletecollection'));
});

test('everybody who is known sees the lease of the operator, and no other object of its namespace', async (t) => {
  const objects = await render();
  const role = only(objects, 'Role', 'prod-anneal-lease-view');
  t.deepEqual(role['rules'], [
    {
      ...{ apiGroups: ['coordination.k8s.io'], resources: ['leases'] },
      ...{ resourceNames: ['prod-anneal-operator'], verbs: ['get'] },
    },
  ]);
  const everybody = ofKind(objects, 'RoleBinding', 'ClusterRoleBinding').filter(({ subjects }) =>
    (subjects as { name: string }[]).some(({ name }) => name.startsWith('system:')),
  );
  t.deepEqual(
    everybody.map(({ metadata }) => metadata.name),
    ['prod-anneal-lease-view'],
  );
  const without = await render({ aggregatedRoles: { enabled: false } });
  t.deepEqual(
    ofKind(without, 'Role').filter(({ metadata }) => /lease-view/.test(metadata.name)),
    [],
  );
});

test('who is named for live numbers may reach the pods of the bus by their names, and nothing else', async (t) => {
  t.deepEqual(
    ofKind(await render(), 'Role').filter(({ metadata }) => /live/.test(metadata.name)),
    [],
  );
  const subjects = [
    { kind: 'Group', name: 'team-a' },
    { kind: 'ServiceAccount', name: 'ci', namespace: 'team-a' },
  ];
  const objects = await render({ liveNumbers: { subjects }, nats: { replicas: 3 } });
  const resourceNames = ['prod-anneal-nats-0', 'prod-anneal-nats-1', 'prod-anneal-nats-2'];
  const apiGroups = [''];
  t.deepEqual(only(objects, 'Role', 'prod-anneal-live-numbers')['rules'], [
    { apiGroups, resources: ['pods'], resourceNames, verbs: ['get'] },
    { apiGroups, resources: ['pods/portforward'], resourceNames, verbs: ['get', 'create'] },
  ]);
  const [group, account] = subjects;
  t.deepEqual(only(objects, 'RoleBinding', 'prod-anneal-live-numbers')['subjects'], [
    { apiGroup: 'rbac.authorization.k8s.io', ...group },
    account,
  ]);
});
