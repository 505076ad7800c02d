// The operator with exactly the rights that the chart gives it, and no more: a whole life of a job,
// and no request that is refused.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { render } from '../charts/render.ts';
import { eventually } from '../doubles/eventually.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { aJobIn } from './a-job.ts';
import { configFrom, installCrd, kubectl } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

test.before(async () => {
  await installCrd();
  await loadToyImage();
});

/** Account, Roles and their bindings, as the chart makes them for one namespace. */
async function giveRights(namespace: string): Promise<string> {
  const objects = await render({ operator: { namespaces: [namespace] } });
  const wanted = objects.filter(({ kind, metadata }) => {
    const rights = ['ServiceAccount', 'Role', 'RoleBinding'].includes(kind);
    return rights && metadata.name.includes('operator');
  });
  const placed = wanted.map((object) => {
    const subjects = (object['subjects'] ?? []) as readonly object[];
    return {
      ...object,
      metadata: { ...object.metadata, namespace },
      ...(subjects.length === 0
        ? {}
        : { subjects: subjects.map((subject) => ({ ...subject, namespace })) }),
    };
  });
  const input = placed.map((object) => stringify(object)).join('---\n');
  await kubectl(['apply', '-f', '-'], { input });
  const account = placed.find(({ kind }) => kind === 'ServiceAccount');
  if (account === undefined) throw new Error('the chart has no account for the operator');
  return account.metadata.name;
}

async function kubeconfigOf(t: ExecutionContext, namespace: string, account: string) {
  const { stdout: token } = await kubectl(['-n', namespace, 'create', 'token', account]);
  const folder = await temporaryFolder();
  t.teardown(() => folder[Symbol.asyncDispose]());
  const cluster = configFrom().getCurrentCluster();
  const file = join(folder.path, 'kubeconfig');
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'c' },
    clusters: [
      { name: 'c', cluster: { server: cluster?.server, 'certificate-authority': cluster?.caFile } },
    ],
    users: [{ name: 'c', user: { token } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
  };
  await writeFile(file, stringify(config));
  return file;
}

test('with the rights of the chart a job lives and dies, and nothing is refused', async (t) => {
  const job = await aJobIn(t, { supervise: { seconds: 4 } }, { 'spec.ttlSecondsAfterFinished': 5 });
  const account = await giveRights(job.namespace);
  const operator = await startOperator(t, job.namespace, {
    KUBECONFIG: await kubeconfigOf(t, job.namespace, account),
    ANNEAL_LEASE_NAME: account,
    // What the chart turns on by itself.
    ANNEAL_FEATURES: 'deleteFinishedJobs',
  });
  await job.apply();
  await job.until('the workers run', ({ phase }) => phase === 'Running');
  await job.patch({ suspend: true });
  await job.until('the job is suspended', ({ phase }) => phase === 'Suspended');
  await job.patch({ suspend: false });
  await job.untilPhase('Succeeded');
  const gone = async () => {
    const found = await kubectl(['-n', job.namespace, 'get', 'ftj', 'first'], { mayFail: true });
    return found.failed;
  };
  await eventually('its time after the end is over', gone, { withinMs: 120_000, everyMs: 1_000 });
  const page = await (await fetch(`http://127.0.0.1:${operator.port}/metrics`)).text();
  t.regex(page, /rest_client_requests_total\{method="PATCH",code="200"/);
  t.notRegex(page, /rest_client_requests_total\{method="\w+",code="40[13]"/);
});

test('the operator may neither see a Secret nor enter a pod', async (t) => {
  const job = await aJobIn(t);
  const account = await giveRights(job.namespace);
  const as = `--as=system:serviceaccount:${job.namespace}:${account}`;
  // kubectl would take what follows a slash for the name of an object.
  const may = async (verb: string, place: string) => {
    const [resource = '', sub] = place.split('/');
    const where = sub === undefined ? [resource] : [resource, `--subresource=${sub}`];
    const asked = await kubectl(['-n', job.namespace, 'auth', 'can-i', verb, ...where, as], {
      mayFail: true,
    });
    return asked.stdout.trim();
  };
  t.is(await may('create', 'jobs.batch'), 'yes');
  const refused = [
    ...['get', 'list', 'watch', 'create', 'patch', 'delete'].map((verb) => [verb, 'secrets']),
    ...[
      ['get', 'configmaps'],
      ['list', 'configmaps'],
      ['patch', 'configmaps'],
    ],
    ...[
      ['create', 'pods/exec'],
      ['get', 'pods/log'],
      ['create', 'pods'],
      ['patch', 'pods/status'],
    ],
    ...[
      ['create', 'serviceaccounts/token'],
      ['create', 'roles'],
      ['update', 'finetunejobs'],
    ],
  ] as const;
  for (const [verb = '', resource = ''] of refused) {
    t.is(await may(verb, resource), 'no', `${verb} ${resource}`);
  }
});
