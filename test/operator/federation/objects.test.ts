import test from 'ava';
import { podFederation } from '../../../crds/wire/federation-pod.ts';
import { jobFor, policyFor, tooLong } from '../../../operator/federation/objects.ts';
import { someSettings } from '../../builders/built-job.ts';
import { builtParty, writtenParty } from '../../builders/federation.ts';

function podOf(job: ReturnType<typeof jobFor>) {
  const { spec } = job.spec.template;
  const [container] = spec.containers;
  if (container === undefined) throw new Error('a pod has a container');
  return { spec, container };
}

test('the pod of a hub runs the program of the command with its file, claims and key', (t) => {
  const { spec, container } = podOf(jobFor(builtParty('hub'), someSettings));
  const told = podFederation.parse(JSON.parse(container.env?.[0]?.value ?? ''));
  const { bus: _bus, pod: _pod, ...own } = writtenParty('hub')['spec'] as Record<string, unknown>;
  t.deepEqual(told.manifest['spec'], own);
  t.like(told, {
    ...{ bus: 'tls://hub.example:4333', state: '/volumes/state/a' },
    volumes: { state: '/volumes/state', demo: '/volumes/demo' },
  });
  const claims = spec.volumes?.flatMap((one) => one.persistentVolumeClaim?.claimName ?? []);
  t.deepEqual(claims, ['demo', 'state']);
  t.deepEqual(spec.volumes?.find(({ secret }) => secret)?.secret, {
    secretName: 'key-of-it',
    items: [{ key: 'key', path: 'key' }],
    defaultMode: 0o440,
  });
  // It publishes to the claim that it reads.
  t.true(container.volumeMounts?.every(({ name, readOnly }) => name === 'key' || !readOnly));
});

test('a client writes its state alone, and no pod is more than the restricted profile lets it', (t) => {
  const { spec, container } = podOf(jobFor(builtParty('client'), someSettings));
  const writable = container.volumeMounts?.filter(({ readOnly }) => readOnly !== true);
  t.deepEqual(
    writable?.map(({ mountPath }) => mountPath),
    ['/tmp', '/volumes/state'],
  );
  t.is(spec.automountServiceAccountToken, false);
  t.like(spec.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  t.like(container.securityContext, {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ['ALL'] },
  });
});

test('its Job never has two pods at once, and goes on after what may pass', (t) => {
  const { metadata, spec } = jobFor(builtParty('client'), someSettings);
  t.is(metadata.name, 'north-client');
  t.like(spec, { completions: 1, parallelism: 1, podReplacementPolicy: 'Failed' });
  const actions = spec.podFailurePolicy.rules.map(({ action }) => action);
  t.deepEqual(actions, ['Ignore', 'Ignore', 'FailJob']);
  t.is(metadata.annotations['anneal.dev/generation'], '2');
});

test('names and the bus are all that it reaches, and the operator all that reaches it', (t) => {
  const { spec } = policyFor(builtParty('client'), someSettings, 'anneal-system');
  const ports = spec.egress.map((rule) => rule.ports?.map(({ port }) => port));
  t.deepEqual(ports, [[53, 53], [4333]]);
  t.true(JSON.stringify(spec.egress).includes('169.254.0.0/16'), 'clouds keep their metadata');
  t.deepEqual(
    spec.ingress.map(({ ports: open }) => open.map(({ port }) => port)),
    [[8000]],
  );
  t.like(spec.ingress[0]?.from[0], {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'anneal-system' } },
  });
  const plain = builtParty('client', {
    bus: { url: 'nats://hub', keySecretRef: { name: 'a', key: 'b' } },
  });
  t.is(policyFor(plain, someSettings, 'x').spec.egress[1]?.ports?.[0]?.port, 4222);
});

test('a spec that a process could not be told is too long', (t) => {
  t.is(tooLong(builtParty('client')), undefined);
  const authority = `-----BEGIN CERTIFICATE-----${'a'.repeat(16_000)}`;
  const party = builtParty('client');
  const manifest = { ...party.accepted.manifest, filler: authority.repeat(8) };
  const long = tooLong({ ...party, accepted: { ...party.accepted, manifest } });
  t.regex(long ?? '', /^spec has 1\d{5} bytes with its defaults; a pod is told at most 120000$/);
});
