// What a client agrees to: the hub's job on its own model and records, or one sentence.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { offerOf } from '../../../cli/federation/hub-bus.ts';
import { accepted } from '../../../cli/federation/peer-consent.ts';
import type { FederationPeerSpec } from '../../../crds/api/federation-peer.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { parseFederationPeer } from '../../../crds/manifest/federation-peer.ts';
import { federationOffer } from '../../../crds/wire/federation-bus.ts';

const folder = new URL('../../../crds/federations/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const hub = parseFederation(text('hub.yaml'), 'hub.yaml', 'bus').spec;
const peer = parseFederationPeer(text('client-north.yaml'), 'client-north.yaml');
const privacy = { unit: 'Record', clip: '0.1', targetEpsilon: '4', delta: '1e-6' } as const;
const clients = hub.clients.map((client) => ({ ...client, records: 4000 }));

/** As it comes over the bus. */
function asked(
  spec: typeof hub,
  own: Partial<FederationPeerSpec> = {},
  name = 'north',
): ReturnType<typeof accepted> {
  const offer = federationOffer.parse(JSON.parse(JSON.stringify(offerOf(spec))));
  const record = { name, namespace: 'default', cache: '/', spec: { ...peer.spec, ...own } };
  return accepted(offer, record);
}

test('the job is that of the hub, with the model and the records of the client', (t) => {
  const { spec, client } = asked(hub);
  const { template } = spec;
  t.deepEqual(template.model.source, peer.spec.model.source);
  t.deepEqual(client.train, peer.spec.train);
  t.deepEqual(template.training, hub.template.training);
  t.deepEqual(resolveMethod(template.method), resolveMethod(hub.template.method));
  t.is(template.dataset.sequenceLength, hub.template.dataset.sequenceLength);
});

test('sources, images, variables and places of the hub are not offered', (t) => {
  const worker = { ...hub.template.worker, image: 'evil', env: [{ name: 'A', value: 'secret' }] };
  const offer = JSON.stringify(offerOf({ ...hub, template: { ...hub.template, worker } }));
  for (const word of ['evil', 'secret', 'sharegpt', 'claimName', 'destination', 'heldOut']) {
    t.false(offer.includes(word), word);
  }
});

const cases: readonly (readonly [
  string,
  Partial<typeof hub>,
  Partial<FederationPeerSpec>,
  RegExp,
])[] = [
  [
    'an aggregation',
    {},
    { allow: { aggregations: ['FFALoRA'] } },
    /^the hub aggregates by FedSB; spec\.allow\.aggregations has FFALoRA$/,
  ],
  ['rounds', {}, { allow: { rounds: 2 } }, /^the hub wants 3 rounds; spec\.allow\.rounds is 2$/],
  [
    'steps',
    {},
    { allow: { stepsPerRound: 5 } },
    /^the hub wants 20 steps a round; spec\.allow\.stepsPerRound is 5$/,
  ],
  [
    'no privacy',
    {},
    { privacy: { maxEpsilon: '8', maxDelta: '1e-5' } },
    /^the hub trains without differential privacy; spec\.privacy asks for it$/,
  ],
  [
    'noise that is known',
    { privacy: { ...privacy, testSeed: 1 }, clients },
    { privacy: { maxEpsilon: '8', maxDelta: '1e-5' } },
    /^the noise of the hub follows from testSeed/,
  ],
  [
    'a delta that makes epsilon small',
    { privacy: { ...privacy, delta: '1e-4' }, clients },
    { privacy: { maxEpsilon: '8', maxDelta: '1e-5' } },
    /^the hub counts epsilon at delta 1e-4; spec\.privacy\.maxDelta is 1e-5$/,
  ],
];

for (const [name, offered, own, sentence] of cases) {
  test(`it refuses ${name}`, (t) => {
    t.throws(() => asked({ ...hub, ...offered }, own), { message: sentence });
  });
}

test('its budget goes with its turn, and a stranger is told who takes part', (t) => {
  const { client } = asked(
    { ...hub, privacy, clients },
    { privacy: { maxEpsilon: '8', maxDelta: '1e-5' } },
  );
  t.is(client.maxEpsilon, '8');
  t.throws(() => asked(hub, {}, 'east'), {
    message: 'three-clinics has no client east; it has north, south, west',
  });
});

test('an offer that is no job is refused, whatever it is', (t) => {
  const method = { preset: 'NoSuch' } as unknown as (typeof hub)['template']['method'];
  const template = { ...hub.template, method };
  t.throws(() => asked({ ...hub, template }), {
    message: /^the hub offers what this version cannot read: method/,
  });
  const foreign = { ...hub, template: { ...hub.template, method: { preset: 'LoRA' as const } } };
  t.throws(() => asked(foreign), {
    message: /^the hub offers what cannot be run: .*FedSB aggregates LoRASB or LoRAXS/,
  });
});
