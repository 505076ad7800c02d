import test from 'ava';
import { presets } from '../../../crds/methods/index.ts';
import type { Stage, StageFacts } from '../../../crds/stages/stage.ts';
import { processesOf, stagesOf } from '../../../crds/stages/stages-of.ts';
import { aSpec, type Changes, changed } from '../../builders/job.ts';

/** Nothing of these is checked here: rules are those of the spec. */
function stages(changes: Changes = {}, facts: StageFacts = {}): readonly Stage[] {
  return stagesOf(changed(aSpec(), changes), facts);
}

const here = {
  'model.source': { local: { path: 'model' } },
  'dataset.train': { local: { path: 'train.jsonl' } },
};
const nothingTrained = {
  ...{ 'training.epochs': undefined, 'training.maxSteps': 0, method: { preset: 'NoTraining' } },
};
const heldOut = { 'dataset.heldOut': { samples: 4 } };

interface Case {
  readonly job: string;
  readonly changes: Changes;
  readonly facts?: StageFacts;
  readonly names: string;
}

const cases: readonly Case[] = [
  { job: 'a model of the hub', changes: {}, names: 'fetch prepare train publish' },
  { job: 'all of it here', changes: here, names: 'prepare train publish' },
  {
    job: 'records in a bucket',
    changes: { ...here, 'dataset.eval': { s3: { uri: 's3://bucket/held-out' } } },
    names: 'fetch prepare train evaluate publish',
  },
  {
    job: 'several workers',
    changes: { ...here, 'worker.replicas': 4 },
    names: 'prepare train publish',
  },
  {
    job: 'distillation with answers to prompts',
    changes: {
      ...{ ...here, ...heldOut, 'training.distillation': { weight: '0.5' } },
      'training.samples': { prompts: ['who are you'], maxTokens: 8, temperature: '0' },
    },
    names: 'prepare teach train evaluate sample publish',
  },
  {
    job: 'quantizing alone',
    changes: { ...here, ...nothingTrained, 'output.quantization': { method: 'GPTQ' } },
    names: 'prepare load quantize publish',
  },
  {
    job: 'quantizing what was trained',
    changes: { ...here, ...heldOut, 'output.quantization': { method: 'GPTQ' } },
    names: 'prepare train evaluate quantize publish',
  },
  {
    job: 'evaluating alone',
    changes: { ...here, ...heldOut, ...nothingTrained },
    names: 'prepare load evaluate publish',
  },
  {
    job: 'cutting a smaller model out, of LoRAM',
    changes: { ...here, ...nothingTrained, 'output.pruning': { ratio: '0.5' } },
    names: 'prepare load prune publish',
  },
  {
    job: 'training on the smaller model, of LoRAM',
    changes: here,
    facts: { isCut: true },
    names: 'prepare train recover publish',
  },
  {
    job: 'factors of the weights',
    changes: { ...here, method: { preset: 'PiSSA' } },
    names: 'prepare decompose train publish',
  },
  {
    job: 'factors of gradients',
    changes: { ...here, method: { preset: 'LoRAGA' } },
    names: 'prepare calibrate train publish',
  },
  {
    job: 'blocks drawn by their outliers',
    changes: { ...here, method: { preset: 'OwLore' } },
    names: 'prepare calibrate train publish',
  },
];

for (const { job, changes, facts, names } of cases) {
  test(`the stages of a job: ${job}`, (t) => {
    t.is(
      stages(changes, facts)
        .map(({ name }) => name)
        .join(' '),
      names,
    );
  });
}

const features: readonly Changes[] = [
  here,
  heldOut,
  { 'training.distillation': { weight: '0.5' } },
  { 'training.samples': { prompts: ['a'], maxTokens: 8, temperature: '0' } },
  { 'output.quantization': { method: 'GPTQ' } },
  { 'output.pruning': { ratio: '0.5' } },
  { 'dataset.train': undefined },
];

test('of every method and choice, a stage reads what was written before it, or an input of the job', (t) => {
  let read = 0;
  for (const { preset } of presets) {
    for (let chosen = 0; chosen < 2 ** features.length; chosen += 1) {
      const some = features.filter((_, index) => (chosen >> index) % 2 === 1);
      const changes = Object.assign({ method: { preset } }, ...some);
      const written = new Set(['source']);
      for (const { name, reads, writes } of stages(changes, { isCut: chosen % 3 === 0 })) {
        for (const { kind } of reads) t.true(written.has(kind), `${preset}: ${name} reads ${kind}`);
        t.true(writes.length > 0, `${preset}: ${name} writes`);
        read += reads.length;
        for (const { kind } of writes) written.add(kind);
      }
      t.true(written.has('result'));
    }
  }
  t.true(read > 1000);
});

test('every job has the three processes, each once and in their order', (t) => {
  for (const changes of [{}, here, nothingTrained, ...features]) {
    t.deepEqual(processesOf(stages(changes)), ['prepare', 'train', 'publish']);
  }
});

test('digests that are known stand beside what has them', (t) => {
  const facts = { modelDigest: 'm', recordsDigest: 'r', stateDigest: 's' };
  const [prepare, train, publish] = stages(here, facts);
  t.deepEqual(prepare?.reads, [{ kind: 'source' }]);
  t.deepEqual(train?.reads, [
    { kind: 'model', digest: 'm' },
    { kind: 'records', digest: 'r' },
  ]);
  t.deepEqual(publish?.reads, [{ kind: 'state', digest: 's' }]);
});
