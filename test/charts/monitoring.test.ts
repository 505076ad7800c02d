// Alert rules and the dashboard ask for numbers that the operator exports, by labels that they have.
import test from 'ava';
import { createMetrics } from '../../operator/runtime/metrics.ts';
import { only, render } from './render.ts';

const values = {
  monitoring: {
    namespace: 'monitoring',
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
    podMonitor: { enabled: true },
    alerts: { enabled: true },
    dashboard: { enabled: true },
  },
};

interface Metric {
  readonly name: string;
  readonly labels: readonly string[];
}

function exported(): readonly Metric[] {
  const { registry } = createMetrics();
  return registry.getMetricsAsArray().flatMap((metric) => {
    // prom-client keeps the names of labels, and does not say so in its types.
    const labels = (metric as { labelNames?: readonly string[] }).labelNames ?? [];
    const histogram = String(metric.type) === 'histogram';
    return histogram
      ? ['bucket', 'sum', 'count'].map((end) => ({
          name: `${metric.name}_${end}`,
          labels: end === 'bucket' ? [...labels, 'le'] : labels,
        }))
      : [{ name: metric.name, labels }];
  });
}

const functions = [
  'absent abs by for histogram_quantile increase max min or and rate sum unless without on',
]
  .join(' ')
  .split(' ');

/** Sentences about names in an expression that nobody exports. */
function unknownNames(expression: string): readonly string[] {
  const metrics = exported();
  const used = [...expression.matchAll(/\b[a-z_]+\b(?!\s*\()/g)].map(([name]) => name);
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)]
    .flatMap(([, list = '']) => list.split(','))
    .map((each) => each.trim());
  const found = metrics.filter(({ name }) => used.includes(name));
  const known = [...functions, ...grouped, ...found.map(({ name }) => name)];
  return [
    ...(found.length === 0 ? [`no metric in ${expression}`] : []),
    ...used
      .filter((name) => name.length > 1 && !known.includes(name))
      .map((name) => `${name} in ${expression}`),
    ...grouped
      .filter((label) => !found.some(({ labels }) => labels.includes(label)))
      .map((label) => `label ${label} in ${expression}`),
  ];
}

test('the checker finds a metric and a label that nobody exports', (t) => {
  t.deepEqual(unknownNames('sum by (phase) (anneal_jobs)'), []);
  t.is(unknownNames('sum by (phase) (anneal_jops)').length, 3);
  t.is(unknownNames('sum by (namespace) (anneal_jobs)').length, 1);
});

test('alert rules ask for what the operator exports, and say what it means', async (t) => {
  const [group] = only(await render(values), 'PrometheusRule')['spec'].groups;
  t.true(group.rules.length >= 6);
  for (const { alert, expr, for: wait, labels, annotations } of group.rules) {
    t.deepEqual(unknownNames(expr), [], alert);
    t.regex(wait, /^\d+m$/, alert);
    t.regex(labels.severity, /^(critical|warning)$/, alert);
    t.regex(annotations.summary, /\.$/, alert);
  }
});

test('the dashboard is JSON whose panels ask for what the operator exports', async (t) => {
  const map = only(await render(values), 'ConfigMap', 'prod-anneal-dashboard');
  t.is(map.metadata.labels?.['grafana_dashboard'], '1');
  const { panels } = JSON.parse(map['data']['anneal.json']) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  t.true(panels.length > 10);
  t.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, targets } of panels) {
    for (const { expr } of targets) t.deepEqual(unknownNames(expr), [], title);
  }
});

test('monitors find the service of the operator and the workers of jobs', async (t) => {
  const objects = await render(values);
  const service = only(objects, 'Service', 'prod-anneal-operator');
  const monitor = only(objects, 'ServiceMonitor');
  for (const [key, value] of Object.entries(monitor['spec'].selector.matchLabels)) {
    t.is(service.metadata.labels?.[key], value as string);
  }
  t.is(monitor['spec'].endpoints[0].port, service['spec'].ports[0].name);
  t.is(monitor.metadata.labels?.['release'], 'prometheus');
  t.deepEqual(only(objects, 'PodMonitor')['spec'].namespaceSelector, { any: true });
});
