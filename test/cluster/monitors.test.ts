// Monitors and alert rules before a real API server that has the definitions of the Prometheus
// operator: every field is one that it knows.
import { stringify } from 'yaml';
import { ofKind, render } from '../charts/render.ts';
import { monitoringPlurals, prometheus } from '../setup/prometheus.ts';
import { aNamespace, kubectl } from './access.ts';
import { test } from './our-cluster.ts';

const enabled = { enabled: true, labels: { release: 'prometheus' } };

test('the API server takes monitors and rules as the Prometheus operator defines them', async (t) => {
  t.timeout(600_000, 'the module of the Prometheus operator is fetched the first time');
  const { definitions } = await prometheus();
  for (const plural of monitoringPlurals) {
    t.teardown(() => kubectl(['delete', '--ignore-not-found', '-f', definitions[plural]]));
    await kubectl(['apply', '--server-side', '-f', definitions[plural]]);
    const name = `crd/${plural}.monitoring.coreos.com`;
    await kubectl(['wait', '--for=condition=Established', name, '--timeout=30s']);
  }
  const namespace = await aNamespace(t);
  const values = { serviceMonitor: enabled, podMonitor: enabled, alerts: enabled };
  for (const namespaces of [[], ['team-a']]) {
    const objects = await render({ monitoring: values, operator: { namespaces } });
    const own = ofKind(objects, 'ServiceMonitor', 'PodMonitor', 'PrometheusRule');
    t.is(own.length, 4);
    const input = own
      .map((object) => stringify({ ...object, metadata: { ...object.metadata, namespace } }))
      .join('---\n');
    const dry = ['apply', '--dry-run=server', '--validate=strict', '-f', '-'];
    const { stdout } = await kubectl(dry, { input });
    t.is(stdout.trim().split('\n').length, own.length);
    const wrong = input.replaceAll('podMetricsEndpoints', 'podMetricEndpoints');
    const refused = await kubectl(dry, { input: wrong, mayFail: true });
    t.regex(refused.stderr, /podMetricEndpoints|podMetricsEndpoints/, 'a mistake would be found');
  }
});
