import test from 'ava';
import { networkPolicies } from '../../../operator/objects/network-policy.ts';
import { aBuiltJob, someSettings } from '../../builders/built-job.ts';
import type { Changes } from '../../builders/job.ts';

const policiesOf = (changes: Changes, settings = someSettings) =>
  networkPolicies(aBuiltJob(changes), settings);
const portsOf = (
  policy: { spec: { egress?: readonly { ports?: readonly { port: number }[] }[] } } | undefined,
) => new Set(policy?.spec.egress?.flatMap(({ ports = [] }) => ports.map(({ port }) => port)));

test('workers of a job on a claim reach each other, names and the bus, and no web', (t) => {
  const [workers, io] = policiesOf({});
  t.deepEqual([...portsOf(workers)], [53, 4222]);
  t.deepEqual([...portsOf(io)], [53, 4222, 443]);
  t.deepEqual(io?.spec.ingress, []);
});

test('a store that workers use themselves is opened at its own port', (t) => {
  const store = { s3: { uri: 's3://b/p', endpoint: 'http://store:9000' } };
  const [workers, io] = policiesOf({
    'checkpoint.destination': store,
    'storage.data': { persistentVolumeClaim: { claimName: 'd' } },
  });
  t.true(portsOf(workers).has(9000));
  t.false(portsOf(workers).has(443));
  t.true(portsOf(io).has(9000));
});

test('the metadata service is out of reach unless the job asks for it', (t) => {
  const texts = (changes: Changes) => JSON.stringify(policiesOf(changes));
  t.true(texts({}).includes('169.254.0.0/16'));
  t.false(texts({ 'network.allowMetadataService': 'Allow' }).includes('169.254'));
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
