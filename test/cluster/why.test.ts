// What the command line says of jobs of a real cluster that nobody acts on, whose pods are refused,
// and that it cannot read: as a person with the role edit in the namespace sees it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { type Rendered, render } from '../charts/render.ts';
import { eventually } from '../doubles/eventually.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { aJobIn } from './a-job.ts';
import { aNamespace, configFrom, installCrd, kubectl } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

test.before(async () => {
  await installCrd();
  await loadToyImage();
});

const command = join(import.meta.dirname, '../../cli/anneal.mjs');
const textOf = (objects: readonly object[]) => objects.map((one) => stringify(one)).join('---\n');

/** The chart's rights of people, as if it were installed in that namespace. */
async function rightsOfPeople(
  t: ExecutionContext,
  namespace: string,
  values: object = {},
): Promise<void> {
  const objects = await render({ fullnameOverride: `anneal-${namespace}`, ...values });
  const isForPeople = ({ metadata }: Rendered) =>
    metadata.labels?.['app.kubernetes.io/component'] === 'people';
  const placed = objects.filter(isForPeople).map(({ metadata, ...object }) => ({
    ...object,
    metadata: metadata.namespace === undefined ? metadata : { ...metadata, namespace },
  }));
  await kubectl(['apply', '-f', '-'], { input: textOf(placed) });
  t.teardown(() => kubectl(['delete', '-f', '-'], { input: textOf(placed), mayFail: true }));
}

/**
 * Runs the command line as an account that has the role edit in a namespace, and in that of the
 * chart what everybody has.
 */
async function aPerson(t: ExecutionContext, namespace: string, system = namespace) {
  await rightsOfPeople(t, system);
  await kubectl(['-n', namespace, 'create', 'serviceaccount', 'person']);
  const account = `--serviceaccount=${namespace}:person`;
  await kubectl([
    '-n',
    namespace,
    'create',
    'rolebinding',
    'person',
    '--clusterrole=edit',
    account,
  ]);
  const { stdout: token } = await kubectl(['-n', namespace, 'create', 'token', 'person']);
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const { server, caFile } = configFrom().getCurrentCluster() ?? {};
  const file = join(folder.path, 'kubeconfig');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': caFile } }],
    users: [{ name: 'c', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'c', namespace } }],
  };
  await writeFile(file, stringify(config));
  const env = {
    ...{ KUBECONFIG: file, ANNEAL_SYSTEM_NAMESPACE: system, NO_COLOR: '1' },
    ANNEAL_RELEASE: `anneal-${system}`,
  };
  return async (...words: readonly string[]) => {
    const ran = await execa(process.execPath, [command, ...words], {
      ...{ env, reject: false, all: true, stdin: 'ignore', timeout: 120_000 },
    });
    t.log(`$ anneal ${words.join(' ')}\n${ran.all}`);
    return ran;
  };
}

const leaseOf = (namespace: string) => ({ ANNEAL_LEASE_NAME: `anneal-${namespace}-operator` });

test('an account that is not there and a quota are told in the words of the cluster', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.worker.serviceAccountName': 'nobody' });
  const anneal = await aPerson(t, job.namespace);
  await startOperator(t, job.namespace, leaseOf(job.namespace));
  await job.apply();
  const tells = async (name: string, what: RegExp) => {
    await eventually(`why tells of ${name}`, async () =>
      what.test((await anneal('why', name)).stdout),
    );
    t.regex((await anneal('why', name)).stdout, what);
  };
  await tells(
    'first',
    /creates no pods for Job first-\w+-1: error looking up service account[\s\S]*serviceAccountName/,
  );
  await kubectl(['-n', job.namespace, 'create', 'quota', 'small', '--hard=pods=0']);
  await job.another('second', {}, {}).apply();
  await tells(
    'second',
    /creates no pods for Job second-\w+-1: exceeded quota: small[\s\S]*more quota/,
  );
});

test('of a job whose operator is gone, why says since when nobody acts on it', async (t) => {
  const job = await aJobIn(t, { supervise: { seconds: 600 } });
  const anneal = await aPerson(t, job.namespace);
  const operator = await startOperator(t, job.namespace, leaseOf(job.namespace));
  await job.apply();
  await job.until('it trains', ({ phase }) => phase === 'Running');
  t.notRegex((await anneal('why', 'first')).stdout, /No operator/);
  await operator.stop();
  await eventually(
    'why says that nobody acts',
    async () =>
      /No operator acts on the job: its lease/.test((await anneal('why', 'first')).stdout),
    { withinMs: 240_000, everyMs: 5_000 },
  );
});

test('a job that cannot be read hides no other, and is cancelled by its name', async (t) => {
  const job = await aJobIn(t);
  const anneal = await aPerson(t, job.namespace);
  await job.apply();
  const odd = { 'spec.worker.labels': { 'a b': 'x' } };
  await job.another('odd', {}, odd).apply();
  const listed = await anneal('list');
  t.is(listed.exitCode, 0);
  t.regex(listed.stdout, /^first +/m);
  t.regex(listed.stdout, /^odd +. Pending, unreadable/m);
  for (const name of ['first', 'odd']) {
    for (const verb of ['why', 'get', 'describe', 'logs']) {
      t.is((await anneal(verb, name)).exitCode, 0, `${verb} ${name}`);
    }
  }
  const cancelled = await anneal('cancel', 'odd', '--timeout', '60');
  t.is(cancelled.exitCode, 0);
  t.is((await kubectl(['-n', job.namespace, 'get', 'ftj', 'odd'], { mayFail: true })).failed, true);
});

test('with the role edit the right that live numbers need is named, and the chart gives it', async (t) => {
  const job = await aJobIn(t);
  const system = await aNamespace(t);
  const anneal = await aPerson(t, job.namespace, system);
  await job.apply();
  const without = await anneal('metrics', 'first');
  t.is(without.exitCode, 0);
  t.regex(without.stderr, /live numbers need the right to get pod \S+-nats-0 in .* liveNumbers/);
  // There is no bus in this cluster: whoever may look finds none.
  const subjects = [{ kind: 'ServiceAccount', name: 'person', namespace: job.namespace }];
  await rightsOfPeople(t, system, { liveNumbers: { subjects } });
  const person = `--as=system:serviceaccount:${job.namespace}:person`;
  const asks = ['-n', system, person, '--subresource=portforward', 'auth', 'can-i', 'get'];
  const may = async (name: string) =>
    (await kubectl([...asks, `pods/${name}`], { mayFail: true })).stdout;
  t.is(await may(`anneal-${system}-nats-0`), 'yes');
  t.is(await may('other-0'), 'no');
  const withRight = await anneal('metrics', 'first');
  t.regex(withRight.stderr, /no pod of the bus is ready in/);
});
