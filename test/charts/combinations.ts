// Values that switch parts of the chart on and off. Every flag meets every value of every other
// flag in some combination (pairs), and the rights are evaluated at in all combinations of the
// flags that they depend on.
export type Values = Readonly<Record<string, unknown>>;

const own = 'own';
/** Flags and what each may be; `apply` writes one of them into the values. */
export const flags = {
  crds: [{ install: true, keep: true }, { install: true, keep: false }, { install: false }],
  bus: [
    own,
    { enabled: false },
    { url: 'tls://nats.example.com:4333,nats://other', namespace: 'messaging' },
    { auth: { mode: 'None' } },
    { auth: { keysSecretName: 'given-keys' }, streamReplicas: 1 },
  ],
  nats: [
    {},
    { replicas: 1, storage: { ephemeral: true } },
    { tls: { secretName: 'nats-tls' }, storage: { className: 'fast' } },
    { tls: { plainText: true } },
    { podDisruptionBudget: { enabled: false }, serviceAccount: { create: false } },
  ],
  operator: [
    {},
    { namespaces: ['team-a', 'team-b'] },
    {
      replicas: 1,
      serviceAccount: { create: false, name: 'given' },
      podDisruptionBudget: { enabled: false },
      image: { digest: `sha256:${'0'.repeat(64)}` },
      extraEnvironment: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
      podLabels: { team: 'ml' },
      podAnnotations: { note: 'x' },
      affinity: { nodeAffinity: {} },
      nodeSelector: { pool: 'system' },
      tolerations: [{ key: 'system', operator: 'Exists' }],
      priorityClassName: 'system-cluster-critical',
    },
  ],
  jobs: [
    {},
    {
      hubEndpoint: 'http://hub.test:8080',
      devices: { memory: '80Gi', runtimeClassName: 'nvidia' },
    },
  ],
  features: [
    {},
    { deleteFinishedJobs: false },
    {
      volumeClaimTemplate: true,
      forceReplace: true,
      kueueStatus: true,
      deviceLabels: true,
      gangs: ['Native', 'Coscheduling', 'Volcano'],
    },
  ],
  networkPolicies: [
    {},
    { enabled: true },
    { enabled: true, apiServerPorts: [6443], apiServerCIDRs: ['10.89.0.1/32'], nameServers: [] },
  ],
  traces: [{}, { endpoint: 'https://collector.example.com', namespace: 'tracing' }],
  monitoring: [
    {},
    {
      namespace: 'monitoring',
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      podMonitor: { enabled: true },
      alerts: { enabled: true },
      dashboard: { enabled: true },
    },
  ],
  aggregatedRoles: [{}, { enabled: false }],
  liveNumbers: [{}, { subjects: [{ kind: 'User', name: 'ada' }] }],
  admissionPolicies: [
    {},
    {
      enabled: true,
      actions: ['Warn', 'Audit'],
      namespaceSelector: { matchLabels: { tier: 'shared' } },
      imagePrefixes: ['registry.example.com/', 'other/'],
      serviceAccountNames: ['trainer'],
      hubRepositoryPrefixes: ['our-team/'],
      storageEndpoints: ['https://s3.example.com'],
      nodeLostPolicies: ['Wait'],
      networkModes: ['Restricted'],
      metadataService: 'Deny',
      egressCIDRs: ['10.0.0.0/8'],
      priorityClassNames: ['batch'],
      requireQueue: true,
      queueNames: ['team-a'],
      workloadPriorityClassNames: ['low'],
      maxDevices: 16,
      maxTtlSecondsAfterFinished: 86_400,
    },
  ],
  names: [
    {},
    { fullnameOverride: 'ft', nameOverride: 'tuner', labels: { cost: 'ml' } },
    { imagePullSecrets: [{ name: 'pull' }], clusterDomain: 'corp.local' },
  ],
} as const;

type Flag = keyof typeof flags;
const flagNames = Object.keys(flags) as Flag[];

/** Index of the value of each flag. */
export type Choice = Readonly<Record<Flag, number>>;

export function valuesOf(choice: Choice): Values {
  const parts = flagNames.map((flag) => {
    const value: unknown = flags[flag][choice[flag]];
    if (flag === 'names') return value as Values;
    return { [flag]: value === own ? {} : value };
  });
  return Object.assign({}, ...parts);
}

/**
 * A small set of choices in which every two values of two flags meet; greedy, the same each time.
 */
export function pairwise(): readonly Choice[] {
  const open = new Set(
    flagNames.flatMap((a, at) =>
      flagNames
        .slice(at + 1)
        .flatMap((b) => flags[a].flatMap((_, i) => flags[b].map((__, j) => `${a}=${i} ${b}=${j}`))),
    ),
  );
  const chosen: Choice[] = [];
  while (open.size > 0) {
    const choice = fill(open);
    for (const pair of pairsOf(choice)) open.delete(pair);
    chosen.push(choice);
  }
  return chosen;
}

/** Begins with a pair that is still open, then takes for each flag the value that closes most. */
function fill(open: ReadonlySet<string>): Choice {
  const [first = ''] = open;
  const choice: Partial<Record<Flag, number>> = {};
  for (const part of first.split(' ')) {
    const [flag, index] = part.split('=');
    choice[flag as Flag] = Number(index);
  }
  for (const flag of flagNames) {
    if (choice[flag] !== undefined) continue;
    const scores = flags[flag].map(
      (_, index) => pairsOf({ ...choice, [flag]: index }).filter((pair) => open.has(pair)).length,
    );
    choice[flag] = scores.indexOf(Math.max(...scores));
  }
  return choice as Choice;
}

function pairsOf(choice: Partial<Choice>): readonly string[] {
  const given = flagNames.filter((flag) => choice[flag] !== undefined);
  return given.flatMap((a, at) =>
    given.slice(at + 1).map((b) => `${a}=${choice[a]} ${b}=${choice[b]}`),
  );
}
