import test from 'ava';
import { nameServersOf, operatorConfig } from '../../operator/config.ts';

test('name servers are those that the chart names and those of our own pod, each once', (t) => {
  const variables = { ANNEAL_NAME_SERVERS: '169.254.20.10/32, fd12::/64' };
  const resolvConf = 'search a.svc\nnameserver 10.96.0.10\nnameserver 169.254.20.10\n';
  t.deepEqual(operatorConfig(variables, resolvConf).pods.nameServers, [
    ...['169.254.20.10/32', 'fd12::/64', '10.96.0.10/32'],
  ]);
  t.deepEqual(operatorConfig({}).pods.nameServers, []);
  t.throws(() => operatorConfig({ ANNEAL_NAME_SERVERS: '10.0.0.0/99' }), {
    message: /ANNEAL_NAME_SERVERS/,
  });
});

test('a name server of the machine itself or of a zone is nobody else’s', (t) => {
  const lines = ['nameserver 127.0.0.53', 'nameserver ::1', 'nameserver fe80::1%eth0'];
  t.deepEqual(nameServersOf(lines.join('\n')), []);
  t.deepEqual(nameServersOf('#nameserver 1.1.1.1\noptions ndots:5\n nameserver\tfd00::a # x'), [
    'fd00::a/128',
  ]);
});
