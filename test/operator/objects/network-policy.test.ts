import test from 'ava';
import { contains, parseCidr } from '../../../crds/schema/cidr.ts';
import { initJob, publishJob } from '../../../operator/objects/io-job.ts';
import { networkPolicies, sharedPolicies } from '../../../operator/objects/network-policy.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';

const read = (text: string) => {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new Error(`${text} is no network`);
  return cidr;
};

interface Policy {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly podSelector: {
      readonly matchLabels: Readonly<Record<string, string>>;
      readonly matchExpressions?: readonly {
        readonly key: string;
        readonly values: readonly string[];
      }[];
    };
    readonly policyTypes: readonly string[];
    readonly ingress?: readonly object[];
    readonly egress?: readonly { readonly ports?: readonly { readonly port: number }[] }[];
  };
}

/** Those that are there for a job, of its own and of its namespace. */
const allOf = (changes: Changes, settings = someSettings): readonly Policy[] => {
  const job = aBuiltJob(changes);
  return [...networkPolicies(job, settings), ...sharedPolicies(job, settings)] as readonly Policy[];
};

const holds = ({ spec: { podSelector } }: Policy, labels: Readonly<Record<string, string>>) =>
  Object.entries(podSelector.matchLabels).every(([key, value]) => labels[key] === value) &&
  (podSelector.matchExpressions ?? []).every(({ key, values }) =>
    values.includes(labels[key] ?? ''),
  );

/** Labels of the pods of a job, as its Jobs give them. */
const podsOf = (changes: Changes, settings = someSettings) => {
  const job = aBuiltJob(changes);
  const io = { job, settings, attempt: 1 };
  const workerRevision = {
    workerRevision: 1,
    replicas: job.spec.worker.replicas,
    gang: undefined,
    excludedNodes: [],
  };
  const worker = workerJob({
    job,
    settings,
    ...workerRevision,
    grown: 0,
    trainedParameters: undefined,
  });
  const made = { worker, init: initJob(io, 'digest'), publish: publishJob(io) };
  const labelsOf = ({ spec }: (typeof made)[keyof typeof made]) =>
    spec.template.metadata.labels as Readonly<Record<string, string>>;
  return { worker: labelsOf(worker), init: labelsOf(made.init), publish: labelsOf(made.publish) };
};

/** The one that holds the workers, and the one that holds who prepares and publishes. */
const policiesOf = (changes: Changes, settings = someSettings): readonly Policy[] => {
  const { worker, init } = podsOf(changes, settings);
  return [worker, init].flatMap((labels) =>
    allOf(changes, settings).filter((policy) => holds(policy, labels)),
  );
};
const portsOf = (policy: Policy | undefined) =>
  new Set(policy?.spec.egress?.flatMap(({ ports = [] }) => ports.map(({ port }) => port)));

test('workers of a job on a claim reach each other, names and the bus, and no web', (t) => {
  const [workers, io] = policiesOf({});
  t.deepEqual([...portsOf(workers)], [53, 4222]);
  t.deepEqual([...portsOf(io)], [53, 4222, 443]);
  t.deepEqual(io?.spec.ingress, []);
});

const store = { s3: { uri: 's3://b/p', endpoint: 'http://store:9000' } };
const data = { persistentVolumeClaim: { claimName: 'd' } };
const jobs: Readonly<Record<string, Changes>> = {
  plain: {},
  several: { 'worker.replicas': 2 },
  elastic: { 'worker.elasticity': 'Live', 'worker.minReplicas': 1, 'worker.maxReplicas': 3 },
  networks: { 'network.egressCIDRs': ['10.1.0.0/16'] },
  metadata: { 'network.allowMetadataService': 'Allow' },
  open: { 'network.policy': 'Open' },
  'stores of workers': { 'checkpoint.destination': store, 'storage.data': data },
  'stores of data': { 'dataset.train': store },
  'stores of results': { 'output.destination': store, 'storage.data': data },
  'nothing shared': { 'output.destination': store },
};

for (const [title, changes] of Object.entries(jobs)) {
  test(`each pod is held by one policy, which is there: ${title}`, (t) => {
    for (const [component, labels] of Object.entries(podsOf(changes))) {
      const names = allOf(changes).filter((policy) => holds(policy, labels));
      t.is(names.length, 1, `${component}: ${names.map(({ metadata }) => metadata.name)}`);
    }
  });
}

test('a job without policies has pods that those of its namespace do not hold', (t) => {
  const changes = { 'network.policy': 'None' };
  t.deepEqual(allOf(changes), []);
  for (const labels of Object.values(podsOf(changes))) {
    t.false(allOf({}).some((policy) => holds(policy, labels)));
  }
});

test('what the jobs of a namespace share opens nothing that a job alone would not have, and no way from one to another', (t) => {
  const [workers, io] = allOf({});
  t.deepEqual([...portsOf(workers)], [53, 4222]);
  t.deepEqual([...portsOf(io)], [53, 4222, 443]);
  t.deepEqual(
    workers?.spec.ingress?.map((rule) => Object.keys(rule)),
    [['from', 'ports']],
    'who reads metrics, and nobody else',
  );
  t.deepEqual(io?.spec.ingress, []);
  for (const { spec } of allOf({})) t.false(JSON.stringify(spec).includes('job-uid'));
});

test('a job that sends no traces does not share the way to the collector', (t) => {
  const traces = { endpoint: 'http://c:4318', port: 4318, namespace: 'tracing' };
  const settings = { ...someSettings, traces };
  const sends = { 'observability.traceSampling': 'All' };
  t.true(portsOf(policiesOf(sends, settings)[0]).has(4318));
  t.false(portsOf(policiesOf({ 'observability.traceSampling': 'None' }, settings)[0]).has(4318));
});

test('a store that workers use themselves is opened at its own port', (t) => {
  const [workers, io] = policiesOf({
    'checkpoint.destination': store,
    'storage.data': { persistentVolumeClaim: { claimName: 'd' } },
  });
  t.true(portsOf(workers).has(9000));
  t.false(portsOf(workers).has(443));
  t.true(portsOf(io).has(9000));
});

type Block = { readonly cidr: string; readonly except?: readonly string[] };
interface Peer {
  readonly ipBlock?: Block;
}
const blocksOf = (changes: Changes): readonly Block[] =>
  policiesOf(changes)
    .flatMap(({ spec }) => (spec.egress ?? []) as readonly { to?: readonly Peer[] }[])
    .flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock])))
    .filter(({ cidr }) => !someSettings.nameServers.includes(cidr));

/** Whether any rule lets a pod reach the address. */
const reaches = (changes: Changes, address: string) => {
  const one = read(`${address}/${address.includes(':') ? 128 : 32}`);
  return blocksOf(changes).some(
    ({ cidr, except = [] }) =>
      contains(read(cidr), one) && !except.some((each) => contains(read(each), one)),
  );
};

const metadata = ['169.254.169.254', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254'];

test('metadata services are out of reach, over both families, unless the job asks for them', (t) => {
  for (const address of metadata) {
    t.false(reaches({}, address), address);
    t.true(reaches({ 'network.allowMetadataService': 'Allow' }, address), address);
  }
  for (const address of ['93.184.215.14', '2606:2800:21f::1']) t.true(reaches({}, address));
});

test('a network of the job that holds a metadata service among others opens the others', (t) => {
  const egress = (...egressCIDRs: string[]) => ({ 'network.egressCIDRs': egressCIDRs });
  for (const address of metadata) {
    t.false(reaches(egress('0.0.0.0/0', '::/0', '100.64.0.0/10', 'fd00::/8'), address), address);
  }
  t.true(reaches(egress('fd00::/8'), 'fd12::1'));
  t.deepEqual(
    blocksOf(egress('10.1.0.0/16')).filter(({ cidr }) => cidr === '10.1.0.0/16'),
    Array.from({ length: 2 }, () => ({ cidr: '10.1.0.0/16' })),
  );
});

test('names may be asked of pods and of what the site says answers beside them, on that port alone', (t) => {
  for (const { spec } of policiesOf({})) {
    const rules = (spec.egress ?? []) as readonly { to?: readonly Peer[]; ports?: object[] }[];
    const asking = rules.filter(({ to = [] }) =>
      to.some(({ ipBlock }) => ipBlock?.cidr === '169.254.20.10/32'),
    );
    t.deepEqual(asking, [
      {
        to: [
          { namespaceSelector: {} },
          { ipBlock: { cidr: '169.254.20.10/32' } },
          { ipBlock: { cidr: '10.96.0.10/32' } },
        ],
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
    ] as never);
  }
});

test('Open drops the limit on what pods reach and keeps the one on who reaches them; None has nothing', (t) => {
  const open = policiesOf({ 'network.policy': 'Open' });
  t.deepEqual(
    open.map(({ spec }) => spec.policyTypes),
    [['Ingress'], ['Ingress']],
  );
  t.true(open.every(({ spec }) => !('egress' in spec)));
  t.deepEqual(policiesOf({ 'network.policy': 'None' }), []);
});

test('a hub of the site is reached at its port', (t) => {
  const settings = { ...someSettings, hubEndpoint: 'http://hub.example.com:8080' };
  t.true(portsOf(policiesOf({}, settings)[1]).has(8080));
});

test('a job whose traces are sent reaches the collector, in its namespace where that is told; another does not', (t) => {
  const traces = { endpoint: 'http://c:4318/v1/traces', port: 4318, namespace: 'tracing' };
  const traced = { 'observability.traceSampling': 'All' } as const;
  const rules = (changes: Changes, namespace: string | undefined) =>
    policiesOf(changes, { ...someSettings, traces: { ...traces, namespace } }).map(({ spec }) =>
      JSON.stringify(spec.egress?.filter(({ ports }) => ports?.some(({ port }) => port === 4318))),
    );
  for (const rule of rules(traced, 'tracing')) t.true(rule.includes('"tracing"'), rule);
  for (const rule of rules(traced, undefined)) t.true(rule.includes('0.0.0.0/0'), rule);
  t.deepEqual(rules({}, 'tracing'), ['[]', '[]']);
});
