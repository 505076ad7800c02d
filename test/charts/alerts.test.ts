// Prometheus' own tool judges what we export and plays our rules: `promtool check metrics`, `check
// rules` and `test rules`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { beginAtZero, createMetrics } from '../../operator/runtime/metrics.ts';
import { type PodNumbers, registryOf } from '../../worker/supervisor/probes.ts';
import { prometheus } from '../setup/prometheus.ts';
import { type AlertCase, alertCases } from './alert-cases.ts';
import { only, render } from './render.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

async function renderedGroups(): Promise<readonly { readonly rules: readonly Rule[] }[]> {
  const objects = await render({ monitoring: { alerts: { enabled: true } } });
  return only(objects, 'PrometheusRule')['spec'].groups;
}

async function aFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-rules-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function promtool(args: readonly string[], input = '') {
  const program = await prometheus();
  return execa(program.promtool, [...args], { input, reject: false, all: true });
}

/** A test of promtool for one case of one rule. */
function asTest({ alert, labels, annotations }: Rule, { when, series, at, fires }: AlertCase) {
  return {
    name: `${alert}: ${when}`,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      {
        eval_time: `${at}m`,
        alertname: alert,
        exp_alerts: (fires ?? []).map((own) => ({
          exp_labels: { ...labels, ...own },
          exp_annotations: annotations,
        })),
      },
    ],
  };
}

async function played(t: ExecutionContext, change: (rule: Rule) => Rule = (rule) => rule) {
  const folder = await aFolder(t);
  const groups = (await renderedGroups()).map((group) => ({
    ...group,
    rules: group.rules.map(change),
  }));
  await writeFile(join(folder, 'rules.yaml'), stringify({ groups }));
  const tests = groups.flatMap(({ rules }) =>
    rules.flatMap((rule) => (alertCases[rule.alert] ?? []).map((each) => asTest(rule, each))),
  );
  const file = join(folder, 'tests.yaml');
  const settings = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests };
  await writeFile(file, stringify(settings, { aliasDuplicateObjects: false }));
  return { folder, ran: await promtool(['test', 'rules', file]) };
}

test('every alert has a case in which it fires and one in which it does not', async (t) => {
  const rules = (await renderedGroups()).flatMap((group) => group.rules);
  t.deepEqual(rules.map(({ alert }) => alert).sort(), Object.keys(alertCases).sort());
  for (const [alert, cases] of Object.entries(alertCases)) {
    t.true(
      cases.some(({ fires }) => fires !== undefined),
      `${alert} fires`,
    );
    t.true(
      cases.some(({ fires }) => fires === undefined),
      `${alert} is quiet`,
    );
  }
});

test('every alert fires in its case and in no other', async (t) => {
  t.timeout(900_000, 'promtool is compiled the first time');
  const { folder, ran } = await played(t);
  t.is(ran.exitCode, 0, ran.all);
  const checked = await promtool(['check', 'rules', join(folder, 'rules.yaml')]);
  t.is(checked.exitCode, 0, checked.all);
});

test('a rule that asks for somebody else too, or forgets a site without a bus, would be found', async (t) => {
  t.timeout(900_000, 'promtool is compiled the first time');
  const wrong: Readonly<Record<string, readonly [RegExp, string]>> = {
    AnnealOperatorDown: [/\{name="finetunejob"\}/, ''],
    AnnealBusDown: [/.*/, 'max(anneal_bus_connected) == 0'],
    AnnealReconcileErrors: [/\{controller="finetunejob"\}/, ''],
  };
  const { ran } = await played(t, (rule) => {
    const [from, to] = wrong[rule.alert] ?? [/$^/, ''];
    return { ...rule, expr: rule.expr.replace(from, to) };
  });
  t.not(ran.exitCode, 0);
  for (const alert of Object.keys(wrong)) t.regex(ran.all ?? '', new RegExp(alert));
});

const numbers: PodNumbers = {
  ...{ step: 7, stepSeconds: 0.5, loss: 2, tokensPerSecond: 100, checkpointStep: 6 },
  ...{ round: 2, busConnected: true, messagesWaiting: 3, messagesDropped: 0 },
};

test('promtool has nothing to say to the pages of metrics', async (t) => {
  t.timeout(900_000, 'promtool is compiled the first time');
  const operator = createMetrics();
  beginAtZero(operator, { name: 'finetunejob', resources: ['pods'] });
  operator.queueDuration.observe({ name: 'finetunejob' }, 0.1);
  const pages = [operator.registry, registryOf(() => numbers)];
  for (const registry of pages) {
    const ran = await promtool(['check', 'metrics'], await registry.metrics());
    t.is(ran.all, '');
    t.is(ran.exitCode, 0);
  }
  const bad = '# HELP x_count Jobs.\n# TYPE x_count counter\nx_count 1\n';
  t.regex((await promtool(['check', 'metrics'], bad)).all ?? '', /_total/, 'a mistake is found');
});
