// The file of a client of a federation elsewhere, and what the file of its hub leaves to it.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { isFederationPeer, parseFederationPeer } from '../../../crds/manifest/federation-peer.ts';

const folder = new URL('../../../crds/federations/', import.meta.url);
const text = (name: string) => readFileSync(new URL(name, folder), 'utf8');

test('the example is a client of the hub that is the other example', (t) => {
  const { spec, metadata } = parseFederationPeer(text('client-north.yaml'), 'client-north.yaml');
  const hub = parseFederation(text('hub.yaml'), 'hub.yaml', 'bus');
  t.is(spec.federation, hub.metadata.name ?? '');
  t.true(hub.spec.clients.some(({ name }) => name === metadata.name));
  t.deepEqual(
    ['client-north.yaml', 'hub.yaml', 'three-clients.yaml'].map((name) =>
      isFederationPeer(text(name)),
    ),
    [true, false, false],
  );
  t.false(isFederationPeer(''));
});

test('a client without a name, a model or records is refused at its place', (t) => {
  const document = parse(text('client-north.yaml'));
  for (const [change, sentence] of [
    [{ metadata: {} }, /metadata\.name/],
    [{ spec: { ...document.spec, model: undefined } }, /spec\.model/],
    [{ spec: { ...document.spec, train: undefined } }, /spec\.train/],
    [{ spec: { ...document.spec, method: { preset: 'LoRA' } } }, /spec\.method/],
    [{ spec: { ...document.spec, federation: 'a.b' } }, /spec\.federation/],
  ] as const) {
    const changed = stringify({ ...document, ...change });
    t.throws(() => parseFederationPeer(changed, 'client.yaml'), { message: sentence });
  }
});

test('over a bus clients say what is theirs, and on one machine the federation does', (t) => {
  const hub = parse(text('hub.yaml'));
  t.throws(() => parseFederation(text('hub.yaml'), 'hub.yaml'), {
    message:
      /spec\.clients\[0\]\.train is absent; on one machine each client has its records named/,
  });
  const privacy = { clip: '1', noise: '1' };
  const own = { train: { local: { path: 'a' } }, maxSamples: 3, maxEpsilon: '8', records: 100 };
  const [, ...others] = hub.spec.clients;
  const known = others.map((client: object) => ({ ...client, records: 100 }));
  const clients = [{ name: 'north', ...own }, ...known];
  const wrong = stringify({ ...hub, spec: { ...hub.spec, privacy, clients } });
  for (const field of ['train', 'maxSamples', 'maxEpsilon']) {
    const sentence = `spec\\.clients\\[0\\]\\.${field} is set, and over a bus the file of the client`;
    t.throws(() => parseFederation(wrong, 'hub.yaml', 'bus'), { message: new RegExp(sentence) });
  }
  const endless = stringify({ ...hub, spec: { ...hub.spec, quorum: { minClients: 2 } } });
  t.throws(() => parseFederation(endless, 'hub.yaml', 'bus'), {
    message: /deadlineSeconds is absent; over a bus a client that went away would hold a round/,
  });
});
