// The contract on a real API server: what it accepts, what it refuses, and in which words. The words of the command line are the same, because
// both come from one rule.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { placedRules } from '../../crds/schema-tree.ts';
import { ApiError } from '../../operator/runtime/api-error.ts';
import type { KubeClient } from '../../operator/runtime/client.ts';
import { aWrittenJob, changed } from '../builders/job.ts';
import { decimalCases, ruleCases } from '../crds/rule-cases.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, clientOf, getJson, installCrd, kubectl, never } from './access.ts';

test.before(installCrd);

const examples = join(import.meta.dirname, '../../crds/examples');
const path = (namespace: string) =>
  `/apis/anneal.dev/v1alpha1/namespaces/${namespace}/finetunejobs`;
type Written = { metadata: object; spec: object } & Record<string, unknown>;

async function submit(client: KubeClient, namespace: string, body: unknown): Promise<string> {
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  try {
    await client.transport.send({ verb: 'POST', path: path(namespace), query, body }, never);
    return '';
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return error.message;
    throw error;
  }
}

for (const file of readdirSync(examples)) {
  test(`the example ${file} is accepted`, async (t) => {
    const namespace = await aNamespace(t);
    const job = parse(readFileSync(join(examples, file), 'utf8')) as Written;
    const body = { ...job, metadata: { ...job.metadata, namespace } };
    t.is(await submit(clientOf(t), namespace, body), '');
  });
}

test('every rule refuses its bad examples with its own sentence', async (t) => {
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  const bySchema: string[] = [];
  let judged = 0;
  for (const { path: place, rule } of placedRules()) {
    const cases = ruleCases[rule.id] ?? decimalCases(rule.id);
    for (const value of cases?.rejects ?? []) {
      const answer = await submit(client, namespace, withValue(namespace, place, value));
      t.not(answer, '', `${rule.id} at ${place} accepted ${JSON.stringify(value)}`);
      // A value of the wrong shape is refused before rules are asked.
      if (answer.includes('some validation rules were not checked')) bySchema.push(place);
      else t.true(answer.includes(rule.message), `${rule.id} at ${place}: ${answer}`);
      judged += 1;
    }
  }
  t.log(`${judged} bad examples, ${bySchema.length} of them refused by the schema already`);
  t.true(bySchema.length < judged / 4, bySchema.join(' '));
});

test('every rule accepts its good examples', async (t) => {
  const namespace = await aNamespace(t);
  const client = clientOf(t);
  for (const { path: place, rule } of placedRules()) {
    const cases = ruleCases[rule.id] ?? decimalCases(rule.id);
    for (const value of cases?.accepts ?? []) {
      const answer = await submit(client, namespace, withValue(namespace, place, value));
      t.false(answer.includes(rule.message), `${rule.id} at ${place}: ${answer}`);
    }
  }
});

/** A written job with a value at the place of a rule: `spec.worker.env[]` is one element of a list. */
function withValue(namespace: string, place: string, value: unknown): unknown {
  const job = aWrittenJob() as Written;
  const base = { ...job, metadata: { name: 'a', namespace } };
  if (place === '')
    return { ...base, metadata: { ...base.metadata, ...(value as Written).metadata } };
  const keys = place.split('.');
  const last = keys.pop() ?? '';
  const name = last.replace('[]', '');
  const held = last === 'betas[]' ? [value, value] : last.endsWith('[]') ? [value] : value;
  return changed(base, { ...companions(keys), [[...keys, name].join('.')]: held });
}

/** What must stand beside a value, so that the schema has nothing to say and the rule is asked. */
function companions(keys: readonly string[]): Record<string, unknown> {
  const parent = keys.join('.');
  const [last = '', before = ''] = keys.toReversed();
  const optimizers: Record<string, string> = { adamW: 'AdamW', adamW8bit: 'AdamW8bit', sgd: 'SGD' };
  if (last === 'persistentVolumeClaim') return { [parent]: { claimName: 'c' } };
  if (last === 'lora') return { 'spec.method.adapter': { type: 'LoRA', lora: {} } };
  if (before === 'optimizer')
    return { 'spec.method.optimizer': { type: optimizers[last] ?? last } };
  if (last === 'earlyStopping') {
    return { [parent]: { patience: 1 }, 'spec.dataset.heldOut': { samples: 1 } };
  }
  return last === 'samples' ? { [parent]: { prompts: ['p'] } } : {};
}

test('defaults are filled in by the API server as zod fills them in', async (t) => {
  const namespace = await aNamespace(t);
  const job = aWrittenJob() as Written;
  const input = JSON.stringify({ ...job, metadata: { name: 'first', namespace } });
  await kubectl(['create', '-f', '-'], { input });
  const { spec } = (await getJson(namespace, 'finetunejobs', 'first')) as { spec: object };
  t.like(spec, {
    suspend: false,
    worker: { replicas: 1, elasticity: 'None', terminationGracePeriodSeconds: 120 },
    failurePolicy: { maxRestarts: 10, nodeLostPolicy: 'Wait' },
    checkpoint: { retain: { latest: 3, best: 1 } },
  });
});

test('what may not change is refused on an existing job, and may change while it is suspended', async (t) => {
  const namespace = await aNamespace(t);
  const job = aWrittenJob() as Written;
  const input = JSON.stringify({ ...job, metadata: { name: 'first', namespace } });
  await kubectl(['create', '-f', '-'], { input });
  const patch = (spec: object) =>
    kubectl(
      ['-n', namespace, 'patch', 'ftj', 'first', '--type=merge', '-p', JSON.stringify({ spec })],
      {
        mayFail: true,
      },
    );
  const never = await patch({ training: { seed: 5 } });
  t.regex(never.stderr, /cannot be changed on an existing job/);
  const steps = { training: { learningRate: '1e-3' } };
  t.regex((await patch(steps)).stderr, /can be changed only while the job is suspended/);
  t.false((await patch({ suspend: true })).failed);
  t.false((await patch(steps)).failed);
  t.false((await patch({ checkpoint: { intervalSteps: 5 } })).failed, 'a live field');
});

test('kubectl explain has a sentence for every field, and get has the columns', async (t) => {
  const namespace = await aNamespace(t);
  let explained = '';
  // The server tells of a definition a moment after it takes objects of it.
  await eventually('the fields are explained', async () => {
    const path = 'finetunejob.spec.method.adapter.lora.rank';
    explained = (await kubectl(['explain', path], { mayFail: true })).stdout;
    return explained !== '';
  });
  t.regex(explained, /FIELD: rank <integer>/);
  t.regex(explained, /DESCRIPTION:\s+\S/);
  const input = JSON.stringify({ ...aWrittenJob(), metadata: { name: 'first', namespace } });
  await kubectl(['create', '-f', '-'], { input });
  const plain = await kubectl(['-n', namespace, 'get', 'ftj']);
  t.regex(plain.stdout, /NAME\s+PHASE\s+WORKERS\s+STEP\s+PROGRESS\s+LOSS\s+RESTARTS\s+AGE/);
  const wide = await kubectl(['-n', namespace, 'get', 'ftj', '-o', 'wide']);
  t.regex(wide.stdout, /METHOD\s+MODEL\s+QUEUE\s+CHECKPOINT\s+GENERATION\s+REASON/);
  const all = await kubectl(['-n', namespace, 'get', 'all']);
  t.regex(all.stdout, /finetunejob\.anneal\.dev\/first/);
});

test('a mistyped field is refused, and not dropped in silence', async (t) => {
  const namespace = await aNamespace(t);
  const body = changed(
    { ...aWrittenJob(), metadata: { name: 'a', namespace } },
    { 'spec.worker.replica': 2 },
  );
  t.regex(await submit(clientOf(t), namespace, body), /unknown field "spec\.worker\.replica"/);
});
