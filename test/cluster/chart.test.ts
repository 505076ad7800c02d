// The chart before a real API server: every object is taken (nothing is kept of it), and the
// responder learns from it whose a token is.
import test from 'ava';
import { stringify } from 'yaml';
import { systemClock } from '../../crds/clock.ts';
import { Bearers, Refused } from '../../operator/bus-auth/bearer.ts';
import { render } from '../charts/render.ts';
import { aNamespace, configFrom, getJson, kubectl, never, transportTo } from './access.ts';

const everything = {
  networkPolicies: { enabled: true, apiServerCIDRs: ['10.89.0.1/32'] },
  monitoring: { namespace: 'monitoring', dashboard: { enabled: true } },
  features: {
    ...{ volumeClaimTemplate: true, forceReplace: true, kueueStatus: true },
    gangs: ['Native', 'Coscheduling', 'Volcano'],
  },
  admissionPolicies: {
    ...{ enabled: true, imagePrefixes: ['a/'], serviceAccountNames: ['x'] },
    ...{ hubRepositoryPrefixes: ['our/'], storageEndpoints: ['https://s3.example.com'] },
    ...{ networkModes: ['Restricted'], metadataService: 'Deny', egressCIDRs: ['10.0.0.0/8'] },
    ...{ priorityClassNames: ['batch'], requireQueue: true, queueNames: ['team-a'] },
    ...{ nodeLostPolicies: ['Wait'], maxDevices: 8, maxTtlSecondsAfterFinished: 100 },
  },
  nats: { tls: { secretName: 'nats-tls' } },
};

for (const [title, values] of [
  ['as it comes', { crds: {} }],
  ['with everything on', everything],
] as const) {
  test(`the API server takes every object of the chart ${title}`, async (t) => {
    const namespace = await aNamespace(t);
    const objects = (await render(values)).map((object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
      },
    }));
    const input = objects.map((object) => stringify(object)).join('---\n');
    const dry = ['--dry-run=server', '--server-side', '--force-conflicts', '--validate=strict'];
    const { stdout } = await kubectl(['apply', ...dry, '-f', '-'], { input });
    t.is(stdout.trim().split('\n').length, objects.length);
  });
}

test('the API server tells the responder whose a token is, and refuses one that was changed', async (t) => {
  const namespace = await aNamespace(t);
  await using transport = transportTo(configFrom());
  const operatorAccount = `${namespace}:operator`;
  const bearers = new Bearers({ transport, clock: systemClock, operatorAccount });
  const uid = '0a1b2c3d-0000-4000-8000-000000000001';
  // As kubelet asks for it: bound to the pod, which need not run.
  const pod = { name: 'first-w1-4-abcde', uid: '' };
  const manifest = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: pod.name, namespace } },
    spec: {
      ...{ schedulingGates: [{ name: 'example.com/never' }] },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          ...{ name: 'c', image: 'none' },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
  await kubectl(['apply', '-f', '-'], { input: stringify(manifest) });
  const made = await getJson(namespace, 'pods', pod.name);
  pod.uid = (made['metadata'] as { uid: string }).uid;
  const tokenFor = async (audience: string, bound = true) => {
    const to = bound ? ['--bound-object-kind', 'Pod', '--bound-object-name', pod.name] : [];
    const words = ['-n', namespace, 'create', 'token', 'default', '--audience', audience, ...to];
    return (await kubectl(words)).stdout;
  };
  const own = await tokenFor(`anneal.dev/${namespace}/first/${uid}`);
  const bearer = await bearers.bearerOf(own, never);
  t.like(bearer, { type: 'Job', job: { namespace, uid }, pod: pod.uid, index: 4 });
  t.true(bearer.expiresAt > systemClock.now());
  const [head, , signature] = own.split('.');
  const forged = Buffer.from(
    JSON.stringify({ aud: [`anneal.dev/${namespace}/x/${uid}`], exp: 9e9 }),
  );
  for (const token of [
    await tokenFor(`anneal.dev/${namespace}/first/${uid}`, false),
    await tokenFor(`anneal.dev/elsewhere/first/${uid}`),
    await tokenFor('anneal.dev/operator'),
    await tokenFor('https://kubernetes.default.svc'),
    [head, forged.toString('base64url'), signature].join('.'),
  ]) {
    await t.throwsAsync(bearers.bearerOf(token, never), { instanceOf: Refused });
  }
});
