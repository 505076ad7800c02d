// What is of a cluster does nothing on one machine, and is refused there with what says it instead.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseFederation } from '../../../crds/manifest/federation.ts';
import { parseFederationPeer } from '../../../crds/manifest/federation-peer.ts';

const folder = new URL('../../../crds/federations/', import.meta.url);
const read = (name: string) => parse(readFileSync(new URL(name, folder), 'utf8'));

const cases = [
  ['bus', { url: 'nats://a', keySecretRef: { name: 'a' } }, /spec\.bus is set, and here --bus/],
  [
    'pod',
    { state: { persistentVolumeClaim: { claimName: 'a' } } },
    /spec\.pod is set, and here the command runs on this machine/,
  ],
] as const;

for (const [field, value, sentence] of cases) {
  test(`refused on one machine: spec.${field}`, (t) => {
    const hub = read('hub.yaml');
    const wholeHub = stringify({ ...hub, spec: { ...hub.spec, [field]: value } });
    t.throws(() => parseFederation(wholeHub, 'hub.yaml', 'bus'), { message: sentence });
    const peer = read('client-north.yaml');
    const wholePeer = stringify({ ...peer, spec: { ...peer.spec, [field]: value } });
    t.throws(() => parseFederationPeer(wholePeer, 'peer.yaml'), { message: sentence });
  });
}

test('an address of the bus names a server and no account', (t) => {
  const peer = read('client-north.yaml');
  const keySecretRef = { name: 'a' };
  for (const url of [
    'http://a',
    'nats://user:word@a',
    'tls://',
    'nats://a/b',
    'nats://a,nats://b',
  ]) {
    const whole = stringify({ ...peer, spec: { ...peer.spec, bus: { url, keySecretRef } } });
    t.throws(() => parseFederationPeer(whole, 'peer.yaml'), { message: /spec\.bus\.url/ }, url);
  }
});
