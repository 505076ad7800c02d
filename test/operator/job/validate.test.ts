import test from 'ava';
import { decided } from '../../builders/decided.ts';
import {
  conditionsOf,
  quietSite,
  seconds,
  someFacts,
  trainingStatus,
} from '../../builders/job-facts.ts';

const withBus = {
  ...quietSite,
  settings: { ...quietSite.settings, bus: { url: 'u', port: 4222, namespace: undefined } },
};

test('parts that do not fit together end the job before anything is created', (t) => {
  const result = decided(
    someFacts({ spec: { method: { preset: 'Full' }, 'output.formats': ['PEFTAdapter'] } }),
  );
  t.is(result.phase, 'Failed');
  t.is(result.is('Validated'), 'False/IncompatibleMethod');
  t.is(result.is('Failed'), 'True/IncompatibleMethod');
  t.deepEqual(result.words, []);
  t.is(result.status.failure?.code, 'E_INCOMPATIBLE_METHOD');
});

test('a suspended job that does not fit together waits to be changed', (t) => {
  const result = decided(
    someFacts({
      spec: { method: { preset: 'Full' }, 'output.formats': ['PEFTAdapter'], suspend: true },
    }),
  );
  t.is(result.phase, 'Pending');
  t.is(result.is('Failed'), undefined);
  t.deepEqual(result.words, []);
});

test('a name that belongs to somebody else is waited for', (t) => {
  const result = decided(someFacts({ foreign: ['Service first'] }));
  t.is(result.phase, 'Pending');
  t.is(result.is('Validated'), 'False/NameConflict');
  t.regex(result.message('Validated') ?? '', /^Service first belongs to someone else/);
  t.is(result.wakeAt, seconds(60));
  t.deepEqual(result.words, []);
});

test('a spec of another version of the CRD is told, and does not end the job', (t) => {
  const facts = someFacts();
  const job = { ...facts.job, spec: undefined, problem: 'spec.method: Invalid input' };
  const result = decided({ ...facts, job });
  t.is(result.is('Validated'), 'False/InvalidSpec');
  t.is(result.phase, 'Pending');
  t.deepEqual(result.words, []);
});

test('what pods of this version do not do is refused with a way around it', (t) => {
  const site = { ...withBus, refusesNotBuilt: true };
  const cpu = { 'worker.devicesPerWorker': 0 };
  t.is(decided(someFacts({ spec: cpu, site })).is('Validated'), 'True/Resolved');
  const instances = {
    ...{ 'worker.devicesPerWorker': 2, 'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb' },
  };
  const device = decided(someFacts({ spec: instances, site }));
  t.is(device.is('Failed'), 'True/NotBuilt');
  t.is(
    device.message('Validated'),
    'spec.worker.devicesPerWorker is more than 1; CUDA shows one instance of a divided device to a process; set it to 1, and spec.worker.replicas to the number of instances',
  );
  t.deepEqual(device.words, []);
  const hub = {
    ...cpu,
    'output.destination': undefined,
    'output.pushToHub': { repository: 'a/b' },
  };
  t.is(decided(someFacts({ spec: hub, site })).is('Failed'), 'True/NotBuilt');
});

test('several workers need a bus, and say so where there is none', (t) => {
  const spec = { 'worker.replicas': 2 };
  t.is(decided(someFacts({ spec })).is('Validated'), 'False/BusUnavailable');
  t.is(decided(someFacts({ spec, site: withBus })).is('Validated'), 'True/Resolved');
});

test('a result that only goes to a hub needs a place where the publishing pod finds it', (t) => {
  const spec = { 'output.destination': undefined, 'output.pushToHub': { repository: 'a/b' } };
  t.is(decided(someFacts({ spec })).is('Failed'), 'True/InvalidSpec');
  const store = { ...spec, 'checkpoint.destination': { s3: { uri: 's3://a/b' } } };
  t.is(decided(someFacts({ spec: store })).is('Validated'), 'True/Resolved');
});

test('a claim of its own needs a site that lets the operator create claims', (t) => {
  const spec = { 'storage.data': { volumeClaimTemplate: { size: '1Gi' } } };
  const site = { ...quietSite, mayCreateClaims: false };
  t.is(decided(someFacts({ spec, site })).is('Validated'), 'False/PermissionDenied');
});

test('a job that was valid is judged again when its spec changes', (t) => {
  const facts = someFacts({ status: trainingStatus({ conditions: conditionsOf({}) }) });
  const { status } = decided({ ...facts, job: { ...facts.job, generation: 2 } });
  const validated = status.conditions?.find(({ type }) => type === 'Validated');
  t.is(validated?.observedGeneration, 2);
  t.is(status.observedGeneration, 2);
});
