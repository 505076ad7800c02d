// What the operator may reach beyond names, the API server and the bus.
import test from 'ava';
import { only, render } from './render.ts';

interface Rule {
  readonly ports?: readonly { readonly port: number }[];
  readonly to?: readonly object[];
}

async function egress(traces: object): Promise<readonly Rule[]> {
  const values = { networkPolicies: { enabled: true }, traces };
  const policy = only(await render(values), 'NetworkPolicy', 'prod-anneal-operator');
  return policy['spec'].egress;
}

const rulesFor = (rules: readonly Rule[], wanted: number) =>
  rules.filter(({ ports }) => ports?.some(({ port }) => port === wanted));

test('the collector of traces is reached at its port, in its namespace where that is told', async (t) => {
  t.deepEqual(rulesFor(await egress({}), 4318), []);
  const named = await egress({ endpoint: 'http://collector.tracing:4318', namespace: 'tracing' });
  const [rule, ...more] = rulesFor(named, 4318);
  t.deepEqual(more, []);
  t.deepEqual(rule?.to, [
    { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'tracing' } } },
  ]);
  const [anywhere] = rulesFor(await egress({ endpoint: 'http://collector.tracing:4318/x' }), 4318);
  t.is(anywhere?.to, undefined);
});

test('an address without a port has that of its protocol', async (t) => {
  const before = rulesFor(await egress({}), 443).length;
  t.is(rulesFor(await egress({ endpoint: 'https://otlp.example.com' }), 443).length, before + 1);
  t.is(rulesFor(await egress({ endpoint: 'http://otlp.example.com/v1' }), 80).length, 1);
});
