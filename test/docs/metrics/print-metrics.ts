// Writes docs/reference/metrics.md: `node test/docs/metrics/print-metrics.ts`. A test compares the
// file with what this prints, so that no metric and no alert is without its line.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { parse } from 'yaml';
import { markdownTable } from '../../../crds/text/markdown-table.ts';
import { BusAuthMetrics } from '../../../operator/bus-auth/metrics.ts';
import { createMetrics } from '../../../operator/runtime/metrics.ts';
import { type PodNumbers, registryOf } from '../../../worker/supervisor/probes.ts';

export const metricsPage = new URL('../../../docs/reference/metrics.md', import.meta.url);
const alertsFile = new URL('../../../charts/anneal/files/alerts.yaml', import.meta.url);

/** Where each page of metrics is, and who fills it. */
export const programs: readonly Program[] = [
  {
    title: 'Operator',
    where: 'Port 8080 of each replica, `/metrics`; `monitoring.serviceMonitor` in the chart.',
    registry: () => createMetrics().registry,
  },
  {
    title: 'Guard of the bus',
    where:
      'Port 8080 of each pod of `bus-auth`, `/metrics`; `monitoring.serviceMonitor` in the chart.',
    registry: () => new BusAuthMetrics(() => undefined).registry,
  },
  {
    title: 'Workers',
    where: 'Port `metrics` of each worker pod, `/metrics`; `monitoring.podMonitor` in the chart.',
    registry: () => registryOf(() => ({}) as PodNumbers),
  },
];

interface Program {
  readonly title: string;
  readonly where: string;
  readonly registry: () => Registry;
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

export function metricsOf(registry: Registry): readonly Described[] {
  return registry.getMetricsAsArray().map((metric) => {
    // prom-client keeps the names of labels, and does not say so in its types.
    const { labelNames = [] } = metric as { labelNames?: readonly string[] };
    const { name, help, type } = metric;
    return { name, help, type: String(type), labels: labelNames };
  });
}

interface Alert {
  readonly alert: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description?: string };
}

export function printMetrics(): string {
  const sections = programs.flatMap(({ title, where, registry }) => [
    `## ${title}`,
    where,
    table(metricsOf(registry()).filter(({ name }) => !isOfProcess(name))),
  ]);
  return `${[...head, ...sections, '## Alerts', alertWords, alerts()].join('\n\n')}\n`;
}

const head = [
  '<!-- Printed by `node test/docs/metrics/print-metrics.ts`. Do not edit. -->',
  '# Metrics and alerts',
  [
    'Names and units follow the conventions of Prometheus: counters end in `_total`, times are seconds, sizes bytes. `promtool check metrics` has nothing',
    'to say to these pages. Names without `anneal_` are those of client-go and controller-runtime, with their meaning. No label carries the name or',
    'UID of a job, so their number does not grow with the jobs; the PodMonitor adds the name of the job to the series of its workers.',
  ].join('\n'),
  [
    'The operator exports the numbers of its process besides: `process_…` (processor, memory, file descriptors) and `nodejs_…` (event loop, heap, garbage',
    'collection). For these, and for names that other operators have too, `and on (instance) anneal_build_info` takes ours alone.',
  ].join('\n'),
];

const alertWords = [
  '`monitoring.alerts` in the chart makes a PrometheusRule of them. Tests play each one through promtool: it fires in its case, and in no other.',
  '[Operations](../operations.md#when-an-alert-fires) tells what to do.',
].join('\n');

function isOfProcess(name: string): boolean {
  return /^(process_|nodejs_)/.test(name);
}

function table(metrics: readonly Described[]): string {
  const rows = [...metrics]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, type, labels, help }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
  return markdownTable(['Metric', 'Type', 'Labels', 'Meaning'], rows);
}

function alerts(): string {
  const rules = parse(readFileSync(alertsFile, 'utf8')) as readonly Alert[];
  const rows = rules.map((rule) => {
    const { summary, description } = rule.annotations;
    return [
      `\`${rule.alert}\``,
      rule.labels.severity,
      rule.for,
      [summary, description].filter((each) => each !== undefined).join(' '),
    ];
  });
  return markdownTable(['Alert', 'Severity', 'After', 'Meaning'], rows);
}

if (import.meta.main) writeFileSync(metricsPage, printMetrics());
