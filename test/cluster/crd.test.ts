// The contract on a real API server: what it accepts, what it refuses, and in which words. The
// words of the command line are the same, because both come from one rule.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse } from 'yaml';
import { definitions } from '../../crds/crd/print-crd.ts';
import { axisEntries } from '../../crds/methods/index.ts';
import { placedRules } from '../../crds/tree/schema-tree.ts';
import { ApiError } from '../../operator/runtime/api-error.ts';
import type { KubeClient } from '../../operator/runtime/client.ts';
import { aWrittenJob, changed } from '../builders/job.ts';
import { decimalCases, ruleCases } from '../crds/rule-cases.ts';
import { eventually } from '../doubles/eventually.ts';
import { aNamespace, askedAgain, clientOf, getJson, installCrd, kubectl, never } from './access.ts';

test.before(installCrd);

const examples = join(import.meta.dirname, '../../crds/examples');
const path = (namespace: string, plural: string) =>
  `/apis/anneal.dev/v1alpha1/namespaces/${namespace}/${plural}`;
type Written = { metadata: object; spec: object } & Record<string, unknown>;

async function submit(
  client: KubeClient,
  namespace: string,
  body: unknown,
  plural = 'finetunejobs',
): Promise<string> {
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  try {
    await askedAgain(() =>
      client.transport.send({ verb: 'POST', path: path(namespace, plural), query, body }, never),
    );
    return '';
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return error.message;
    throw error;
  }
}

for (const { definition, file } of definitions) {
  const { name } = definition().metadata;
  test(`client-side apply takes the definition of ${name}`, async (t) => {
    const applied = await kubectl(['apply', '--dry-run=server', '-f', fileURLToPath(file)]);
    t.regex(applied.stdout, /(created|configured|unchanged) \(server dry run\)/);
  });
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

/**
 * A written job with a value at the place of a rule: `spec.worker.env[]` is one element of a list.
 */
function withValue(namespace: string, place: string, value: unknown): unknown {
  const job = aWrittenJob() as Written;
  const base = { ...job, metadata: { name: 'a', namespace } };
  if (place === '') {
    const { metadata, spec = base.spec } = value as Partial<Written>;
    return { ...base, spec, metadata: { ...base.metadata, ...metadata } };
  }
  const all = place.split('.');
  const list = all.findIndex((key) => key.endsWith('[]'));
  if (list >= 0 && list < all.length - 1) {
    const inside = all.slice(list + 1).reduceRight<unknown>(
      (held, key) => ({
        ...required[key],
        ...(key.endsWith('[]') ? { [key.slice(0, -2)]: [held] } : { [key]: held }),
      }),
      value,
    );
    return changed(base, {
      [all
        .slice(0, list + 1)
        .join('.')
        .slice(0, -2)]: [inside],
    });
  }
  const keys = all;
  const last = keys.pop() ?? '';
  const name = last.replace('[]', '');
  const held = last === 'betas[]' ? [value, value] : last.endsWith('[]') ? [value] : value;
  return changed(base, { ...companions(keys), [[...keys, name].join('.')]: held });
}

/** What an element of a list must have beside its part of this name. */
const required: Record<string, object> = {
  preference: { weight: 1 },
  podAffinityTerm: { weight: 1 },
  labelSelector: { topologyKey: 'kubernetes.io/hostname' },
  namespaceSelector: { topologyKey: 'kubernetes.io/hostname' },
};

const entries: readonly { axis: string; type: string; member?: string }[] =
  Object.values(axisEntries).flat();

/** What must stand beside a value, so that the schema has nothing to say and the rule is asked. */
function companions(keys: readonly string[]): Record<string, unknown> {
  const parent = keys.join('.');
  const [last = '', before = ''] = keys.toReversed();
  if (last === 'persistentVolumeClaim') return { [parent]: { claimName: 'c' } };
  const entry = entries.find((one) => one.axis === before && one.member === last);
  if (entry !== undefined) return { [`spec.method.${before}`]: { type: entry.type } };
  if (last === 'earlyStopping') {
    return { [parent]: { patience: 1 }, 'spec.dataset.heldOut': { samples: 1 } };
  }
  return last === 'samples' ? { [parent]: { prompts: ['p'] } } : {};
}

const atApply: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['a number in words', { 'training.learningRate': 'fast' }, / \(a decimal\)/],
  [
    'a negative processor',
    { 'worker.resources': { requests: { cpu: '-1' } } },
    /worker\.resources\.requests\.cpu/,
  ],
  [
    'a negative number',
    { 'worker.resources': { requests: { cpu: -1 } } },
    /greater than or equal to 0/,
  ],
  [
    'a GPU by another door',
    { 'worker.resources': { limits: { 'nvidia.com/gpu': 8 } } },
    /devices are requested with devicesPerWorker/,
  ],
  [
    'a network that is none',
    { 'network.egressCIDRs': ['10.0.0.0/99'] },
    /must be networks: an address and the length of its prefix/,
  ],
  [
    'a toleration of Exists with a value',
    { 'worker.tolerations': [{ key: 'a', operator: 'Exists', value: 'b' }] },
    /operator is Exists, which compares no value/,
  ],
  [
    'two instances of a divided device',
    { 'worker.devicesPerWorker': 2, 'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb' },
    /is more than 1; CUDA shows one instance of a divided device to a process/,
  ],
  [
    'another run',
    { 'checkpoint.resumeFrom': { job: 'a' } },
    /on a cluster this version starts each job from its base model/,
  ],
  [
    'checkpoints in a bucket',
    { 'checkpoint.destination': { s3: { uri: 's3://b/x' } } },
    /this version writes checkpoints to claims/,
  ],
  [
    'pods without a claim',
    { 'output.destination': { s3: { uri: 's3://b/x' } } },
    /in this version the pods of a job share files on a claim/,
  ],
  ['MultiKueue', { managedBy: 'kueue.x-k8s.io/multikueue' }, /has no adapter for FineTuneJob/],
  [
    'an adapter file without an adapter',
    { method: { preset: 'Full' }, 'output.formats': ['PEFTAdapter'] },
    /there is no adapter to write/,
  ],
  [
    'a quantised base that would train',
    { method: { preset: 'Full', base: { type: 'NF4' } } },
    /the weights themselves would be trained/,
  ],
  [
    'projected gradients beside an adapter',
    { method: { preset: 'GaLore', adapter: { type: 'LoRA' } } },
    /with an adapter these are frozen/,
  ],
  [
    'more workers than sequences',
    { 'training.globalBatchSize': 1, 'worker.replicas': 2 },
    /fewer sequences than there are workers/,
  ],
];

for (const [what, changes, words] of atApply) {
  test(`${what} is refused when the job is applied, with a sentence`, async (t) => {
    const namespace = await aNamespace(t);
    const paths = Object.entries(changes).map(([path, value]) => [`spec.${path}`, value]);
    const base = { ...(aWrittenJob() as Written), metadata: { name: 'a', namespace } };
    const answer = await submit(clientOf(t), namespace, changed(base, Object.fromEntries(paths)));
    t.regex(answer, words);
    t.notRegex(answer, /no such key|no such overload/);
    // Of a quantity a rule would be priced as if it were as long as a request may be: there the
    // pattern is all that is said.
    if (!what.startsWith('a negative')) t.notRegex(answer, /should match/);
  });
}

for (const [name, replicas, words] of [
  ['qwen2.5-lora', 1, /metadata\.name must be small letters, digits and hyphens/],
  ['7b-x', 2, /metadata\.name must begin with a letter, because it is the name of the Service/],
  ['7b-x', 1, /^$/],
] as const) {
  test(`a job of ${replicas} workers called ${name} is judged by what its pods can be called`, async (t) => {
    const namespace = await aNamespace(t);
    const base = { ...(aWrittenJob() as Written), metadata: { name, namespace } };
    const body = changed(base, { 'spec.worker.replicas': replicas });
    t.regex(await submit(clientOf(t), namespace, body), words);
  });
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
  t.regex(wide.stdout, /METHOD\s+MODEL\s+QUEUE\s+CHECKPOINT\s+ROUND\s+REASON/);
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

const pool = join(import.meta.dirname, '../../crds/pools/smol.yaml');

for (const [what, changes, words] of [
  ['the example', {}, /^$/],
  ['all that a pool may have', { 'spec.jobs': 32, 'spec.devices': 1 }, /^$/],
  ['a name of 52 characters', { 'metadata.name': 'a'.repeat(52) }, /^$/],
  [
    'a longer one',
    { 'metadata.name': 'a'.repeat(53) },
    /must have at most 52 characters, because its Job is named by it/,
  ],
  ['no job', { 'spec.jobs': 0 }, /spec\.jobs: .* greater than or equal to 1/],
  ['more jobs than one process trains', { 'spec.jobs': 33 }, /less than or equal to 32/],
  ['two devices', { 'spec.devices': 2 }, /spec\.devices: .* less than or equal to 1/],
  ['no claim', { 'spec.claimName': undefined }, /spec\.claimName: Required value/],
  [
    'two sources of the base',
    { 'spec.model.source.local': { path: '/model' } },
    /must have exactly one of huggingFace/,
  ],
  ['a task, which is of a job', { 'spec.model.task': 'Classification' }, /unknown field/],
  [
    'a GPU by another door',
    { 'spec.resources': { limits: { 'nvidia.com/gpu': 1 } } },
    /devices are requested with devices(?!PerWorker)/,
  ],
  ['too little time to save', { 'spec.terminationGracePeriodSeconds': 5 }, /equal to 15/],
  ['a mistyped field', { 'spec.claim': 'runs' }, /unknown field "spec\.claim"/],
] as const) {
  test(`a TrainingPool with ${what} is judged by the API server`, async (t) => {
    const namespace = await aNamespace(t);
    const written = parse(readFileSync(pool, 'utf8')) as Written;
    const base = { ...written, metadata: { ...written.metadata, namespace } };
    const answer = await submit(clientOf(t), namespace, changed(base, changes), 'trainingpools');
    t.log(answer);
    t.regex(answer, words);
  });
}

test('defaults of a pool are filled in, and get has its columns', async (t) => {
  const namespace = await aNamespace(t);
  await kubectl(['-n', namespace, 'create', '-f', pool]);
  const { spec } = (await getJson(namespace, 'trainingpools', 'smol')) as { spec: object };
  t.like(spec, { jobs: 8, devices: 0, terminationGracePeriodSeconds: 120 });
  const { stdout } = await kubectl(['-n', namespace, 'get', 'trainingpools']);
  t.regex(stdout, /NAME\s+READY\s+JOBS\s+AGE/);
});
