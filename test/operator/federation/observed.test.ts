// What of a spec the operator takes, and the sentence where it does not.
import test from 'ava';
import type { PartyRole } from '../../../operator/federation/party.ts';
import { observedParty } from '../../builders/federation.ts';

test('the examples, on claims and with a bus, are taken', (t) => {
  for (const role of ['hub', 'client'] as const) {
    const { accepted, problem } = observedParty(role);
    t.is(problem, '', role);
    t.truthy(accepted);
  }
});

const local = { local: { path: 'a.json' } };

const cases: readonly (readonly [PartyRole, Record<string, unknown>, RegExp])[] = [
  ['client', { train: local }, /^spec\.train is local; a pod of a federation reaches the bus/],
  ['client', { bus: undefined }, /^spec\.bus is missing; on a cluster/],
  ['client', { pod: undefined }, /^spec\.pod is missing; on a cluster/],
  ['client', { federation: 7 }, /^spec\.federation /],
  [
    'client',
    { model: { source: { huggingFace: { repository: 'a/b' } } } },
    /^spec\.model\.source is huggingFace; .* must be persistentVolumeClaim$/,
  ],
  ['hub', { quorum: {} }, /deadlineSeconds is absent; over a bus/],
  [
    'hub',
    { clients: [{ name: 'north', train: local }], quorum: { deadlineSeconds: 9 } },
    /clients\[0\]\.train is set, and over a bus/,
  ],
  ['hub', { aggregation: 'FedAvg' }, /LoRASB, and FedAvg aggregates LoRA$/],
];

for (const [role, changes, sentence] of cases) {
  test(`refused for a ${role}: ${sentence.source}`, (t) => {
    const { accepted, problem } = observedParty(role, changes);
    t.is(accepted, undefined);
    t.regex(problem, sentence);
  });
}

test('what does nothing for the pod of a hub is refused in its template', (t) => {
  const { spec } = Object(observedParty('hub').accepted?.manifest);
  for (const [field, value] of [
    ['worker', { devicesPerWorker: 1 }],
    ['network', { policy: 'Open' }],
    ['ttlSecondsAfterFinished', 60],
  ] as const) {
    const { problem } = observedParty('hub', { template: { ...spec.template, [field]: value } });
    t.regex(problem, new RegExp(`^spec\\.template\\.${field} is set, and does nothing`));
  }
  const source = { s3: { uri: 's3://a/b' } };
  const model = { ...spec.template.model, source };
  const { problem } = observedParty('hub', { template: { ...spec.template, model } });
  t.regex(problem, /^spec\.template\.model\.source is s3; a pod of a federation reaches the bus/);
});
