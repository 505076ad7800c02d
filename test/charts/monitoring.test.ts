// Alert rules and the dashboard ask for numbers that the operator exports, by labels that they
// have.
import test from 'ava';
import { BusAuthMetrics } from '../../operator/bus-auth/metrics.ts';
import { createMetrics } from '../../operator/runtime/metrics.ts';
import { deploymentFor } from '../../operator/server/objects.ts';
import { aBuiltServer } from '../builders/adapter-server.ts';
import { someSettings } from '../builders/built-job.ts';
import { parsePromQL } from './promql.ts';
import { ofKind, only, render } from './render.ts';

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
  const all = [createMetrics().registry, new BusAuthMetrics(() => undefined).registry];
  return all
    .flatMap((registry) => registry.getMetricsAsArray())
    .flatMap((metric) => {
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

/**
 * Sentences about what is wrong with expressions: they cannot be parsed, or name what nobody
 * exports.
 */
async function faultsOf(expressions: readonly string[]): Promise<readonly string[]> {
  const metrics = exported();
  const asked = await parsePromQL(expressions);
  return asked.flatMap(({ error, type, metrics: names, grouping }, index) => {
    const where = `in ${expressions[index]}`;
    if (error !== undefined) return [`${error} ${where}`];
    const found = metrics.filter(({ name }) => names.includes(name));
    const labels = new Set(found.flatMap((metric) => metric.labels));
    return [
      ...(type === 'vector' ? [] : [`it is a ${type} ${where}`]),
      ...(names.length === 0 ? [`no metric ${where}`] : []),
      ...names
        .filter((name) => !found.some((metric) => metric.name === name))
        .map((name) => `${name} ${where}`),
      ...grouping
        .flatMap((list) => list ?? [])
        .filter((label) => !labels.has(label))
        .map((label) => `label ${label} ${where}`),
    ];
  });
}

test('the checker finds mistakes: of the language, of a metric, of a label', async (t) => {
  t.timeout(600_000, 'the parser is compiled the first time');
  t.deepEqual(await faultsOf(['sum by (phase) (anneal_jobs)']), []);
  t.is((await faultsOf(['sum by (phase) (anneal_jops)'])).length, 2);
  t.is((await faultsOf(['sum by (namespace) (anneal_jobs)'])).length, 1);
  t.regex((await faultsOf(['sum by phase (anneal_jobs)'])).join(), /unexpected/);
  t.regex((await faultsOf(['rate(anneal_jobs)'])).join(), /range vector/);
  t.regex((await faultsOf(['anneal_jobs[5m]'])).join(), /it is a matrix/);
});

test('alert rules ask for what the operator exports, and say what it means', async (t) => {
  t.timeout(600_000, 'the parser is compiled the first time');
  const [group] = only(await render(values), 'PrometheusRule')['spec'].groups;
  const rules = group.rules as readonly Rule[];
  t.true(rules.length >= 6);
  t.deepEqual(await faultsOf(rules.map(({ expr }) => expr)), []);
  for (const { alert, for: wait, labels, annotations } of rules) {
    t.regex(wait, /^\d+m$/, alert);
    t.regex(labels['severity'] ?? '', /^(critical|warning)$/, alert);
    t.regex(annotations['summary'] ?? '', /\.$/, alert);
  }
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

test('the dashboard is JSON whose panels ask for what the operator exports', async (t) => {
  t.timeout(600_000, 'the parser is compiled the first time');
  const map = only(await render(values), 'ConfigMap', 'prod-anneal-dashboard');
  t.is(map.metadata.labels?.['grafana_dashboard'], '1');
  const { panels } = JSON.parse(map['data']['anneal.json']) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  t.true(panels.length > 10);
  t.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  // Grafana puts the width of a panel in for its own variable.
  const expressions = panels.flatMap(({ targets }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
  );
  t.deepEqual(await faultsOf(expressions), []);
});

test('monitors find the services of the operator and the guard of the bus, and the workers of jobs', async (t) => {
  const objects = await render(values);
  for (const name of ['prod-anneal-operator', 'prod-anneal-bus-auth']) {
    const service = only(objects, 'Service', name);
    const monitor = only(objects, 'ServiceMonitor', name);
    for (const [key, value] of Object.entries(monitor['spec'].selector.matchLabels)) {
      t.is(service.metadata.labels?.[key], value as string);
    }
    t.is(monitor['spec'].endpoints[0].port, service['spec'].ports[0].name);
    t.is(monitor.metadata.labels?.['release'], 'prometheus');
  }
  t.deepEqual(only(objects, 'PodMonitor')['spec'].namespaceSelector, { any: true });
});

test('with servers there is a PodMonitor that finds their pods and their port', async (t) => {
  const objects = await render({ ...values, features: { adapterServers: true } });
  t.is(ofKind(objects, 'PodMonitor').length, 2);
  const ours = objects.filter(({ metadata: { name } }) => name.endsWith('servers'));
  const { selector, podMetricsEndpoints, podTargetLabels } = only(ours, 'PodMonitor')['spec'];
  const { metadata, spec: pod } = deploymentFor(aBuiltServer(), someSettings).spec.template;
  t.like(metadata.labels, selector.matchLabels);
  t.true(podTargetLabels.every((name: string) => name in metadata.labels));
  t.is(pod.containers[0]?.ports?.[0]?.name, podMetricsEndpoints[0]?.port);
});
