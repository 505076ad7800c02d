// The file of a federation: what is accepted, and each refusal at its place.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseFederation } from '../../../crds/manifest/federation.ts';

const example = new URL('../../../crds/federations/three-clients.yaml', import.meta.url);
const text = readFileSync(example, 'utf8');

test('the example is a federation, with what it leaves out filled in', (t) => {
  const { spec } = parseFederation(text, 'three-clients.yaml');
  t.is(spec.aggregation, 'FedSB');
  t.deepEqual(
    spec.clients.map(({ name }) => name),
    ['north', 'south', 'west'],
  );
  t.deepEqual([spec.weights, spec.quorum], ['Samples', { minClients: 2 }]);
});

type Change = (document: ReturnType<typeof parse>) => void;

const cases: readonly (readonly [string, Change, RegExp])[] = [
  [
    'an adapter that it does not aggregate',
    ({ spec }) => (spec.template.method = { preset: 'PiSSA' }),
    /three-clients\.yaml:\d+.*has the adapter PiSSA, and FedSB aggregates LoRASB or LoRAXS/s,
  ],
  [
    'LoRA for a core',
    ({ spec }) => (spec.template.method = { preset: 'LoRA' }),
    /has the adapter LoRA, and FedSB/,
  ],
  [
    'a core for an average of factors',
    ({ spec }) => (spec.aggregation = 'FedAvg'),
    /has the adapter LoRASB, and FedAvg aggregates LoRA/,
  ],
  [
    'a base in 4 bits to merge into',
    ({ spec }) =>
      Object.assign(spec, {
        aggregation: 'FLoRA',
        template: { ...spec.template, method: { preset: 'QLoRA' } },
      }),
    /FLoRA merges each round into the base; it must be Dense/,
  ],
  [
    'a choice of tensors',
    ({ spec }) => (spec.template.method.selection = { type: 'LISA' }),
    /selects by LISA/,
  ],
  ['lambda without a residual', ({ spec }) => (spec.lambda = '0.1'), /FedSB has no residual/],
  [
    'two clients of one name',
    ({ spec }) => (spec.clients[1].name = 'north'),
    /clients\[1\]\.name is north, which another client has/,
  ],
  [
    'a rank of its own',
    ({ spec }) => (spec.clients[0].rank = 4),
    /FedSB averages adapters of one rank/,
  ],
  [
    'a quorum of more than all',
    ({ spec }) => (spec.quorum.minClients = 4),
    /minClients is 4; there are 3 clients/,
  ],
  [
    'nothing held out',
    ({ spec }) => delete spec.template.dataset.heldOut,
    /neither eval nor heldOut/,
  ],
  [
    'another form of the result',
    ({ spec }) => (spec.template.output.formats = ['GGUF']),
    /must be PEFTAdapter alone/,
  ],
  [
    'a result elsewhere',
    ({ spec }) =>
      (spec.template.output = { pushToHub: { repository: 'a/b', tokenSecretRef: { name: 'x' } } }),
    /must have a destination on this machine/,
  ],
  [
    'evaluations of clients',
    ({ spec }) => (spec.template.training.evaluation = { intervalSteps: 5 }),
    /clients hold out no records/,
  ],
  [
    'answers of clients',
    ({ spec }) => (spec.template.training.samples = { prompts: ['hello'] }),
    /no client answers prompts/,
  ],
  ['a teacher', ({ spec }) => (spec.template.training.distillation = {}), /no teacher in common/],
  [
    'another beginning',
    ({ spec }) => (spec.template.checkpoint = { resumeFrom: { job: 'a' } }),
    /begins with the state of its round/,
  ],
  [
    'a mistyped key',
    ({ spec }) => (spec.roundz = 3),
    /spec\.roundz is not a field of spec.*did you mean rounds/s,
  ],
  ['a value of another type', ({ spec }) => (spec.rounds = 'many'), /spec\.rounds is many/],
  ['a kind of job', (document) => (document.kind = 'FineTuneJob'), /kind is FineTuneJob/],
];

for (const [what, change, sentence] of cases) {
  test(`refused: ${what}`, (t) => {
    const document = parse(text);
    change(document);
    const error = t.throws(() => parseFederation(stringify(document), 'three-clients.yaml'));
    t.regex(error?.message ?? '', sentence);
  });
}

const privacyText = readFileSync(
  new URL('../../../crds/federations/private-clients.yaml', import.meta.url),
  'utf8',
);

const privacyCases: typeof cases = [
  [
    'two amounts of noise',
    ({ spec }) => (spec.privacy.noise = '1'),
    /must have exactly one of targetEpsilon and noise/,
  ],
  [
    'no noise',
    ({ spec }) => delete spec.privacy.targetEpsilon,
    /must have exactly one of targetEpsilon and noise/,
  ],
  [
    'no public number of records',
    ({ spec }) => delete spec.clients[0].records,
    /clients\[0\]\.records is absent/,
  ],
  [
    'more records in a step than there are',
    ({ spec }) => (spec.clients[0].records = 2),
    /records is 2; a step expects globalBatchSize of them/,
  ],
  ['a large delta', ({ spec }) => (spec.privacy.delta = '0.01'), /less than 1 \/ records/],
  [
    'the first records of a client',
    ({ spec }) => (spec.clients[1].maxSamples = 10),
    /another would take its place/,
  ],
  [
    'records that share a sequence',
    ({ spec }) => (spec.template.dataset.packing = 'Packed'),
    /clipped record by record/,
  ],
  [
    'a format that records decide',
    ({ spec }) => delete spec.template.dataset.format,
    /format is Auto; the first records would decide/,
  ],
  [
    'epochs',
    ({ spec }) => {
      delete spec.template.training.maxSteps;
      spec.template.training.epochs = '1';
    },
    /epochs would count the records/,
  ],
  [
    'several records at once',
    ({ spec }) => (spec.template.training.microBatchSize = 2),
    /each record has a pass of its own/,
  ],
  [
    'noise on weights that follows gradients',
    ({ spec }) => {
      spec.aggregation = 'FedAvg';
      spec.template.method = { preset: 'LoRAGGPO' };
    },
    /the rule GGPO, which uses gradients/,
  ],
  [
    'what only privacy has',
    ({ spec }) => delete spec.privacy,
    /clients\[0\]\.records is set, and the federation has no privacy/,
  ],
];

for (const [what, change, sentence] of privacyCases) {
  test(`refused under privacy: ${what}`, (t) => {
    t.notThrows(() => parseFederation(privacyText, 'private.yaml'));
    const document = parse(privacyText);
    change(document);
    const error = t.throws(() => parseFederation(stringify(document), 'private.yaml'));
    t.regex(error?.message ?? '', sentence);
  });
}

test('refused: no document, and two', (t) => {
  for (const other of ['', `${text}---\n${text}`]) {
    t.throws(() => parseFederation(other, 'x.yaml'), { message: /it must have one Federation/ });
  }
  t.throws(() => parseFederation('a: [', 'x.yaml'), { message: /x\.yaml/ });
});
