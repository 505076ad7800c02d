import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { selectDataFiles, selectModelFiles } from '../../../worker/prepare/select-files.ts';
import { listingOf } from '../../builders/listing.ts';

const model = test.macro({
  title: (given = '') => given,
  exec(t, paths: readonly string[], file: string | undefined, expected: readonly string[]) {
    const chosen = selectModelFiles(listingOf(paths), { file }).map(({ path }) => path);
    t.deepEqual(chosen.toSorted(), [...expected].toSorted());
  },
});

const about = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];

test(
  'Code, pickles, pictures and other formats are left where they are',
  model,
  [...about, 'model.safetensors', 'modeling.py', 'pytorch_model.bin', 'a.png', 'onnx/model.onnx'],
  undefined,
  [...about, 'model.safetensors'],
);
const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
test(
  'The index and its shards are the model, not the same weights under another name',
  model,
  [
    ...about,
    ...shards,
    'model.safetensors.index.json',
    'consolidated.safetensors',
    'original/x.safetensors',
  ],
  undefined,
  [...about, ...shards, 'model.safetensors.index.json'],
);
test('The one GGUF of a place is the model', model, ['README.md', 'model.Q4_K.gguf'], undefined, [
  'model.Q4_K.gguf',
]);
test(
  'Safetensors win over GGUF files beside them',
  model,
  ['config.json', 'model.safetensors', 'a.gguf', 'b.gguf'],
  undefined,
  ['config.json', 'model.safetensors'],
);
test(
  'A file that is named brings the tokenizer along, not its siblings',
  model,
  ['config.json', 'model.safetensors', 'a.gguf', 'b.gguf'],
  'b.gguf',
  ['config.json', 'b.gguf'],
);
const parts = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'];
test('A part that is named means all parts', model, [...parts, 'other.gguf'], parts[0], parts);

const refused = test.macro({
  title: (given = '') => given,
  exec(t, paths: readonly string[], file: string | undefined, message: RegExp) {
    const error = t.throws(() => selectModelFiles(listingOf(paths), { file }), {
      instanceOf: UserError,
    });
    t.is(error.code, 'E_SOURCE_NOT_FOUND');
    t.regex(`${error.message} · ${error.hint}`, message);
  },
});
test(
  'Of several GGUF files one must be named',
  refused,
  ['a.gguf', 'b.gguf'],
  undefined,
  /has 2 GGUF files; one must be chosen · .*a.gguf, b.gguf/,
);
test(
  'Pickled weights are refused by name',
  refused,
  ['config.json', 'pytorch_model.bin'],
  undefined,
  /only pickled weights \(pytorch_model.bin\), which are never loaded · convert/,
);
test(
  'A place without weights says so',
  refused,
  ['README.md'],
  undefined,
  /has no safetensors and no GGUF file · check/,
);
test(
  'A named file that is not there is told with those that are',
  refused,
  ['a.gguf'],
  'c.gguf',
  /has no file c.gguf; it has a.gguf/,
);

const data = test.macro({
  title: (given = '') => given,
  exec(
    t,
    paths: readonly string[],
    choice: { readonly files?: string[]; readonly split?: string },
    expected: readonly string[],
  ) {
    t.deepEqual(
      selectDataFiles(listingOf(paths), choice).map(({ path }) => path),
      expected,
    );
  },
});
const hubSet = [
  'README.md',
  'dataset_infos.json',
  'data/train-00000-of-00002.parquet',
  'data/train-00001-of-00002.parquet',
  'data/test-00000-of-00001.parquet',
  'pretrain.jsonl',
];
test('A split is the files that bear its name', data, hubSet, { split: 'train' }, [
  'data/train-00000-of-00002.parquet',
  'data/train-00001-of-00002.parquet',
]);
test('Without a split all files of records are data', data, hubSet, {}, hubSet.slice(2));
test(
  'A star stays inside a folder and two stars do not',
  data,
  hubSet,
  { files: ['*.jsonl', 'data/*'] },
  ['pretrain.jsonl', ...hubSet.slice(2, 5)],
);
test('Two stars reach every folder', data, hubSet, { files: ['**/test-*.parquet'] }, [hubSet[4]!]);
test('A dot in a pattern is a dot', (t) => {
  const choose = () => selectDataFiles(listingOf(['trainxjsonl']), { files: ['train.jsonl'] });
  t.throws(choose, {
    message: 'owner/model at 01234567 has no file train.jsonl; it has trainxjsonl',
  });
});
test('A split that no file bears is told with what is there', (t) => {
  const choose = () => selectDataFiles(listingOf(['train.jsonl']), { split: 'valid' });
  t.throws(choose, { message: /no file of split valid; it has train.jsonl/ });
});
test('A place without records says which files are read', (t) => {
  t.throws(() => selectDataFiles(listingOf(['a.csv']), {}), {
    message: /has no .jsonl, .json, .parquet/,
  });
});

test('a pipeline has its model in a folder, where the job makes pictures', (t) => {
  const pipeline = [
    ...['README.md', 'scheduler/scheduler_config.json', 'vae/model.safetensors'],
    ...['transformer/config.json', 'transformer/diffusion_pytorch_model.safetensors'],
    ...['transformer/old/x.safetensors', 'integers/model.safetensors'],
  ];
  const chosen = selectModelFiles(listingOf(pipeline), { isPipeline: true });
  t.deepEqual(chosen.map(({ path }) => path).toSorted(), [
    'transformer/config.json',
    'transformer/diffusion_pytorch_model.safetensors',
  ]);
  t.throws(() => selectModelFiles(listingOf(pipeline), {}), { instanceOf: UserError });
});
