// The file of an adapter generator: what is accepted, and each refusal at its place.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseGenerator } from '../../../crds/manifest/adapter-generator.ts';

const example = new URL('../../../crds/generators/siblings.yaml', import.meta.url);
const text = readFileSync(example, 'utf8');

test('the example is a generator, with what it leaves out filled in', (t) => {
  const { spec, metadata } = parseGenerator(text, 'siblings.yaml');
  t.is(metadata.name, 'siblings');
  t.deepEqual(
    spec.tasks.map(({ name, adapters }) => [name, adapters.length]),
    [
      ['code', 2],
      ['letters', 2],
    ],
  );
  t.deepEqual([spec.precision, spec.training.divergenceWeight], ['BFloat16', '0.005']);
});

test('sizes are those of the paper where nothing is said', (t) => {
  const document = parse(text);
  delete document.spec.network;
  delete document.spec.training;
  delete document.spec.taskVectors;
  const { network, training, taskVectors } = parseGenerator(stringify(document), 'x.yaml').spec;
  t.deepEqual(network, {
    ...{ latent: 256, kernel: 7 },
    channels: [8, 16, 32, 64, 128, 256, 256, 128, 64, 32, 16, 8],
  });
  t.deepEqual(
    [training.epochs, training.batchSize, training.learningRate, training.divergenceWeight],
    [2000, 2, '2e-4', '0.005'],
  );
  t.deepEqual(taskVectors, { model: 'OwnAdapter', examples: 30 });
});

type Change = (document: ReturnType<typeof parse>) => void;

const cases: readonly (readonly [string, Change, RegExp])[] = [
  [
    'two tasks of one name',
    ({ spec }) => (spec.tasks[1].name = 'code'),
    /siblings\.yaml:\d+.*tasks\[1\]\.name is code, which another one has/s,
  ],
  [
    'two adapters of one name',
    ({ spec }) => (spec.generate[1].name = 'code-0'),
    /generate\[1\]\.name is code-0, which another one has/,
  ],
  [
    'the name of the generator’s own folder',
    ({ spec }) => (spec.generate[1].name = 'generator'),
    /generate\[1\]\.name is generator, the folder of the network itself/,
  ],
  [
    'a task that is not there',
    ({ spec }) => (spec.generate[0].task = 'prose'),
    /generate\[0\]\.task is prose; it must be one of code, letters/,
  ],
  [
    'examples, where vectors come from own adapters',
    ({ spec }) => (spec.generate[0] = { name: 'new', examples: { local: { path: 'n.jsonl' } } }),
    /generate\[0\]\.examples is set, and spec\.taskVectors\.model is OwnAdapter/,
  ],
  [
    'two conditions',
    ({ spec }) => (spec.generate[0].examples = { local: { path: 'n.jsonl' } }),
    /generate\[0\]/,
  ],
  ['no condition', ({ spec }) => delete spec.generate[0].task, /generate\[0\]/],
  ['no adapters', ({ spec }) => (spec.tasks[0].adapters = []), /tasks\[0\]\.adapters/],
  ['an even kernel', ({ spec }) => (spec.network.kernel = 6), /network\.kernel/],
  ['one channel', ({ spec }) => (spec.network.channels = [1]), /network\.channels\[0\]/],
  [
    'a bucket as an adapter',
    ({ spec }) => (spec.tasks[0].adapters[0] = { s3: { uri: 's3://a/b' } }),
    /s3/,
  ],
];

for (const [what, change, sentence] of cases) {
  test(`refused: ${what}`, (t) => {
    const document = parse(text);
    change(document);
    const error = t.throws(() => parseGenerator(stringify(document), 'siblings.yaml'));
    t.regex(error?.message ?? '', sentence);
  });
}

test('examples are accepted where vectors come from the base', (t) => {
  const document = parse(text);
  document.spec.taskVectors.model = 'Base';
  document.spec.generate[0] = { name: 'new', examples: { local: { path: 'n.jsonl' } } };
  t.notThrows(() => parseGenerator(stringify(document), 'x.yaml'));
});

test('refused: no document, and two', (t) => {
  for (const other of ['', `${text}---\n${text}`]) {
    t.throws(() => parseGenerator(other, 'x.yaml'), { message: /it must have one AdapterGen/ });
  }
});
