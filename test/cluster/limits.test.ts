// The limits of a site in force on a real API server: what they refuse is refused in their words,
// what they allow is created.
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { jobWith, type LimitCase, limitCases, writtenJob } from '../charts/limit-cases.ts';
import { type Rendered, render } from '../charts/render.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, installCrd, kubectl } from './access.ts';

test.before(installCrd);

/** Policies belong to the whole cluster: each case has one of its own, for its namespace alone. */
async function enforce(t: ExecutionContext, namespace: string, limits: object): Promise<void> {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const objects = await render({
    admissionPolicies: { enabled: true, ...limits, namespaceSelector },
  });
  const own = objects.filter(({ kind }) => kind.startsWith('ValidatingAdmissionPolicy'));
  const name = `limits-${namespace}`;
  const input = own.map((object) => stringify(renamed(object, name))).join('---\n');
  await kubectl(['apply', '--validate=strict', '-f', '-'], { input });
  t.teardown(() => kubectl(['delete', '--ignore-not-found', '-f', '-'], { input }));
}

function renamed(object: Rendered, name: string): Rendered {
  const spec = object['spec'];
  return {
    ...object,
    metadata: { ...object.metadata, name },
    spec: object.kind.endsWith('Binding') ? { ...spec, policyName: name } : spec,
  };
}

async function says(namespace: string, job: object): Promise<string> {
  const create = ['-n', namespace, 'create', '--dry-run=server', '-f', '-'];
  const ran = await kubectl(create, { input: JSON.stringify(job), mayFail: true });
  return ran.failed ? ran.stderr : '';
}

async function holds(t: ExecutionContext, title: string, tried: LimitCase): Promise<void> {
  const { limits, allowed, refused, words } = tried;
  const namespace = await aNamespace(t);
  await enforce(t, namespace, limits);
  // The message stands between the name of the policy and the end of the line.
  const inWords = new RegExp(words.source.replace(/^\^|\$$/g, ''));
  const [first] = refused;
  const inForce = async () => inWords.test(await says(namespace, jobWith(first ?? {})));
  await eventually(`in force: ${title}`, inForce, { withinMs: 180_000, everyMs: 500 });
  for (const changes of refused.slice(1)) {
    t.regex(await says(namespace, jobWith(changes)), inWords, JSON.stringify(changes));
  }
  for (const changes of allowed) {
    t.is(await says(namespace, jobWith(changes)), '', `${title}: ${JSON.stringify(changes)}`);
  }
}

test('every limit refuses what breaks it, in its words, and lets the rest pass', async (t) => {
  const cases = Object.entries(limitCases);
  await Promise.all(cases.map(([title, tried]) => holds(t, title, tried)));
});

test('a limit that comes later lets the operator work on a job that breaks it', async (t) => {
  const namespace = await aNamespace(t);
  await kubectl(['-n', namespace, 'create', '-f', '-'], { input: JSON.stringify(writtenJob) });
  await enforce(t, namespace, { maxTtlSecondsAfterFinished: 60 });
  const another = { ...writtenJob, metadata: { name: 'another' } };
  const inForce = async () => /ttlSecondsAfterFinished/.test(await says(namespace, another));
  await eventually('it is in force', inForce, { withinMs: 180_000, everyMs: 500 });
  const patch = async (change: object) =>
    kubectl(
      ['-n', namespace, 'patch', 'ftj', 'first', '--type=merge', '-p', JSON.stringify(change)],
      {
        mayFail: true,
      },
    );
  const finalizers = { metadata: { finalizers: ['anneal.dev/cleanup'] } };
  t.false((await patch(finalizers)).failed, 'the finalizer of the operator');
  t.false((await patch({ metadata: { finalizers: null } })).failed);
  t.regex((await patch({ spec: { suspend: true } })).stderr, /ttlSecondsAfterFinished/);
});
