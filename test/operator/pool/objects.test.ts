import test from 'ava';
import { listedJobs, podPool } from '../../../crds/wire/pool.ts';
import { jobFor, listFor, policyFor } from '../../../operator/pool/objects.ts';
import { someSettings } from '../../builders/built-job.ts';
import { aPool, listedJob } from '../../builders/pool.ts';
import type { Tree } from '../../doubles/kube/patches.ts';

function builtPool(changes: Tree = {}) {
  const pool = aPool(changes);
  if (pool.spec === undefined) throw new Error(pool.problem);
  return { ...pool, spec: pool.spec };
}

function podOf(changes: Tree = {}) {
  const { spec } = jobFor(builtPool(changes), someSettings).spec.template;
  const [container] = spec.containers;
  if (container === undefined) throw new Error('a pod has a container');
  const told = podPool.parse(JSON.parse(container.env?.[0]?.value ?? ''));
  return { spec, container, told };
}

test('a pod is told where its jobs lie, where its list is and what it may use', (t) => {
  const limits = { cpu: '3500m', memory: '8Gi' };
  const { told, container } = podOf({ jobs: 4, resources: { limits } });
  t.like(told, { root: '/volumes/work', list: '/etc/anneal/pool/jobs.json', jobs: 4, threads: 3 });
  t.deepEqual(told.volumes, { work: '/volumes/work' });
  t.deepEqual(container.resources?.limits, limits);
});

test('the list is a file of the pod, with jobs that train and those that are to leave', (t) => {
  const { spec, container } = podOf();
  const wanted = { jobs: [listedJob('first')], leaving: ['uid-of-second/2'] };
  const list = listFor(builtPool(), wanted);
  const volume = spec.volumes?.find(({ configMap }) => configMap?.name === list.metadata.name);
  const mount = container.volumeMounts?.find(({ name }) => name === volume?.name);
  t.like(mount, { mountPath: '/etc/anneal/pool', readOnly: true });
  t.deepEqual(listedJobs.parse(JSON.parse(list.data['jobs.json'] ?? '')), wanted);
});

test('it writes to the claim of its jobs alone, as the restricted profile has it', (t) => {
  const source = { persistentVolumeClaim: { claimName: 'models', path: 'smol' } };
  const { spec, container } = podOf({ model: { source } });
  const writable = container.volumeMounts?.filter(({ readOnly }) => readOnly !== true);
  t.deepEqual(
    writable?.map(({ mountPath }) => mountPath),
    ['/tmp', '/volumes/work'],
  );
  t.is(spec.automountServiceAccountToken, false);
  t.like(spec.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  t.like(container.securityContext, {
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    capabilities: { drop: ['ALL'] },
  });
});

test('one with a device has the image and the resource of the site for them', (t) => {
  const { container, told } = podOf({ devices: 1 });
  t.is(container.image, someSettings.devices.image);
  t.is(container.resources?.limits?.['nvidia.com/gpu'], '1');
  t.is(told.devices, 1);
  t.is(podOf().container.image, someSettings.image);
});

test('its pod reaches nobody, and the operator alone reaches it', (t) => {
  const { spec } = policyFor(builtPool(), 'anneal-system');
  t.deepEqual(spec.egress, []);
  const [rule, ...others] = spec.ingress;
  t.deepEqual(others, []);
  t.is(rule?.from.length, 1);
  t.like(rule?.from[0], {
    podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } },
  });
  t.deepEqual(
    rule?.ports.map(({ port }) => port),
    [8000],
  );
  const { labels } = jobFor(builtPool(), someSettings).spec.template.metadata;
  t.like(labels, spec.podSelector.matchLabels);
});

test('one pod at a time, and another after each that fails', (t) => {
  const { spec } = jobFor(builtPool(), someSettings);
  t.like(spec, { completions: 1, parallelism: 1, podReplacementPolicy: 'Failed' });
  t.is(spec.template.spec.restartPolicy, 'Never');
  t.true(spec.backoffLimit > 1000);
});
