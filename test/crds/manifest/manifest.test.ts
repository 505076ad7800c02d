import test from 'ava';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { UserError } from '../../../crds/failures/errors.ts';
import { formatProblems, parseJob, parseManifest } from '../../../crds/manifest/manifest.ts';
import { presets } from '../../../crds/methods/index.ts';
import { aWrittenJob } from '../../builders/job.ts';

const presetNames = presets.map(({ preset }) => preset);

const good = `apiVersion: anneal.dev/v1alpha1
kind: FineTuneJob
metadata: { name: first }
spec:
  model: { source: { huggingFace: { repository: owner/model } } }
  dataset: { train: { s3: { uri: "s3://bucket/data" } }, sequenceLength: 512 }
  method: { preset: LoRA }
  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "2e-4" }
  output: { destination: { persistentVolumeClaim: { claimName: out } } }
`;

function words(text: string): string {
  const manifest = parseManifest(text, 'job.yaml');
  return manifest.ok ? `${manifest.jobs.length} jobs` : formatProblems(manifest.problems);
}

/** The good job with one line replaced. */
function withLine(number: number, line: string): string {
  return good
    .split('\n')
    .map((old, index) => (index === number - 1 ? line : old))
    .join('\n');
}

test('a good file gives its job with all defaults', (t) => {
  const { job } = parseJob(good, 'job.yaml');
  t.is(job.spec.training.schedule.type, 'Cosine');
  t.is(job.spec.worker.replicas, 1);
});

const one = test.macro({
  exec(t, line: number, text: string, expected: string) {
    t.is(words(withLine(line, text)), expected);
  },
  title: (name = '') => name,
});

test(
  'a mistyped key is named with the key that was meant',
  one,
  7,
  '  method: { presett: LoRA }',
  `job.yaml:7:11  spec.method must have preset or adapter, so that a whole model is not trained by accident
  hint: write preset: LoRA, or preset: Full
job.yaml:7:13  spec.method.presett is not a field of spec.method
  hint: did you mean preset?`,
);

test(
  'a number beyond the greatest is told the greatest, not the least',
  one,
  8,
  '  training: { maxSteps: 3000000000, globalBatchSize: 9007199254740991, learningRate: "1e308" }',
  `job.yaml:8:25  spec.training.maxSteps is 3000000000; it must be at most 2147483647
job.yaml:8:54  spec.training.globalBatchSize is 9007199254740991; it must be at most 2147483647
job.yaml:8:86  spec.training.learningRate is 1e308; it must be a decimal number whose exponent has at most two digits, such as "2e-4"`,
);

test(
  'a number that JavaScript cannot hold is told as it was written, with the limit of its field',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 9007199254740993, learningRate: "1", seed: 90071992547409931 }',
  `job.yaml:8:46  spec.training.globalBatchSize is 9007199254740993; it must be at most 2147483647
job.yaml:8:89  spec.training.seed is 90071992547409931; it must be at most 9007199254740991`,
);

test(
  'a mistyped value is named with the values that are allowed',
  one,
  7,
  '  method: { preset: Lora }',
  `job.yaml:7:21  spec.method.preset is Lora; it must be ${presetNames.slice(0, -1).join(', ')} or ${presetNames.at(-1)}
  hint: did you mean LoRA?`,
);

test(
  'a number out of range is told with its range',
  one,
  7,
  '  method: { adapter: { type: LoRA, lora: { rank: 0 } } }',
  'job.yaml:7:50  spec.method.adapter.lora.rank is 0; it must be 1 to 1024',
);

test(
  'a decimal without quotes is told how to be written',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: 2e-4 }',
  `job.yaml:8:63  spec.training.learningRate is the number 2e-4; decimals are written in quotes
  hint: write "2e-4"`,
);

test(
  'a decimal that is no number is told what one looks like',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "fast" }',
  'job.yaml:8:63  spec.training.learningRate is fast; it must be a decimal number such as "0.1" or "2e-4"',
);

test(
  'a decimal out of bounds is told its bounds',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "0" }',
  'job.yaml:8:63  spec.training.learningRate is 0; it must be greater than 0',
);

test(
  'a missing field is shown at the object that lacks it',
  one,
  6,
  '  dataset: { train: { s3: { uri: "s3://bucket/data" } } }',
  'job.yaml:6:3  spec.dataset.sequenceLength is missing; it must be 16 to 1048576',
);

test(
  'an empty value is told what belongs there',
  one,
  6,
  '  dataset: { train: { s3: { uri: "s3://bucket/data" } }, sequenceLength: }',
  'job.yaml:6:74  spec.dataset.sequenceLength is empty; it must be 16 to 1048576',
);

test(
  'a fraction where a whole number belongs is refused',
  one,
  6,
  '  dataset: { train: { s3: { uri: "s3://b" } }, sequenceLength: 12.5 }',
  'job.yaml:6:64  spec.dataset.sequenceLength is 12.5; it must be a whole number',
);

test(
  'two places for one source are refused',
  one,
  6,
  '  dataset: { train: { s3: { uri: "s3://b" }, local: { path: a } }, sequenceLength: 512 }',
  'job.yaml:6:21  spec.dataset.train must have exactly one of huggingFace, s3, persistentVolumeClaim, image and local',
);

test(
  'steps and epochs together are refused',
  one,
  8,
  '  training: { maxSteps: 10, epochs: "1", globalBatchSize: 4, learningRate: "1" }',
  'job.yaml:8:13  spec.training must have exactly one of maxSteps and epochs',
);

test(
  'the parameters of another type are refused',
  one,
  7,
  '  method: { adapter: { type: None, lora: { rank: 8 } } }',
  'job.yaml:7:42  spec.method.adapter.lora is set, but type is not LoRA',
);

test(
  'a name of another tool leads to ours',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "1", lora_r: 16 }',
  `job.yaml:8:68  spec.training.lora_r is not a field of spec.training
  hint: did you mean spec.method.adapter.lora.rank?`,
);

test(
  'a field at the wrong place leads to the right one',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "1", optimizer: { type: SGD } }',
  `job.yaml:8:68  spec.training.optimizer is not a field of spec.training
  hint: did you mean spec.method.optimizer?`,
);

test(
  'a name that is kept for later is told so',
  one,
  6,
  '  dataset: { train: { s3: { uri: "s3://b" } }, sequenceLength: 512, trainOn: assistant }',
  `job.yaml:6:69  spec.dataset.trainOn is not a field of spec.dataset
  hint: the name is reserved; chats are trained on the turns of the assistant, completions without their prompts`,
);

test(
  'a word that the schema does not have at all is answered with what there is',
  one,
  5,
  '  model: { source: { huggingFace: { repository: owner/model } }, zzzzzzzz: 1 }',
  `job.yaml:5:66  spec.model.zzzzzzzz is not a field of spec.model
  hint: spec.model has source, task, initialization and digest`,
);

test(
  'a wrong version is named',
  one,
  1,
  'apiVersion: anneal.dev/v1',
  `job.yaml:1:13  apiVersion is anneal.dev/v1; it must be anneal.dev/v1alpha1
  hint: did you mean anneal.dev/v1alpha1?`,
);

test(
  'a misspelt kind is named, and the rest is still checked',
  one,
  2,
  'kind: FinetuneJob',
  `job.yaml:2:7  kind is FinetuneJob; it must be FineTuneJob
  hint: did you mean FineTuneJob?`,
);

test('another kind of object is not taken for a bad job', (t) => {
  t.is(
    words('apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n'),
    `job.yaml:2:7  kind is Secret; it must be FineTuneJob
  hint: other objects are applied with kubectl`,
  );
});

test(
  'a name that no pod could carry is refused',
  one,
  3,
  `metadata: { name: ${'a'.repeat(41)} }`,
  `job.yaml:3:19  metadata.name is ${'a'.repeat(41)}; it must be at most 40 characters, because it is part of pod names`,
);

test(
  'a key that stands twice is refused',
  one,
  9,
  '  method: { preset: Full }',
  'job.yaml:9:3  has the key method twice in one object; a key may occur once',
);

test(
  'what is not YAML is told at its place',
  one,
  7,
  '  method: { preset: LoRA',
  'job.yaml:8:3  is not valid YAML: flow map in block collection must be sufficiently indented and end with a }',
);

test(
  'a path out of the volume is refused',
  one,
  9,
  '  output: { destination: { persistentVolumeClaim: { claimName: out, path: ../x } } }',
  'job.yaml:9:75  spec.output.destination.persistentVolumeClaim.path is ../x; it must be relative to the volume and must not contain ..',
);

test(
  'control characters of a hostile file never reach the terminal',
  one,
  8,
  '  training: { maxSteps: 10, globalBatchSize: 4, learningRate: "\\e[31m", "\\e]0;x": 1 }',
  `job.yaml:8:63  spec.training.learningRate is "\\u001b[31m"; it must be a decimal number such as "0.1" or "2e-4"
job.yaml:8:73  spec.training["\\u001b]0;x"] is not a field of spec.training
  hint: spec.training has maxSteps, epochs, globalBatchSize, globalBatchTokens, microBatchSize, learningRate, schedule, gradientClip, seed, nonFinitePolicy, evaluation, distillation, trajectory, architectureSearch and samples`,
);

test('all mistakes of a file are told at once, in the order of the file', (t) => {
  const text = `apiVersion: anneal.dev/v1alpha1
kind: FineTuneJob
metadata: { name: Bad_Name }
spec:
  model:
    source: { huggingFace: { repository: "a b" } }
  dataset:
    train: { s3: { uri: "bucket" } }
    sequenceLength: long
    packing: packed
    tokensPerSequence: 64
  method:
    adaptor: { type: LoRA }
    preset: LoRA
  training:
    maxSteps: 10
    globalBatchSize: 4
    microBatchSize: 3
    learning_rate: 2e-4
    schedule: { type: Cosin }
  worker: { env: [{ name: HF_TOKEN, value: x }] }
`;
  t.is(
    words(text),
    `job.yaml:3:19  metadata.name is Bad_Name; it must be small letters, digits and hyphens, with a letter or digit at both ends
job.yaml:4:1  spec.output is missing; it must be an object
job.yaml:6:42  spec.model.source.huggingFace.repository is "a b"; it must be a repository such as owner/name
job.yaml:8:25  spec.dataset.train.s3.uri is bucket; it must be an address such as s3://bucket/prefix
job.yaml:9:21  spec.dataset.sequenceLength is long; it must be 16 to 1048576
job.yaml:10:14  spec.dataset.packing is packed; it must be None or Packed
  hint: did you mean Packed?
job.yaml:13:5  spec.method.adaptor is not a field of spec.method
  hint: did you mean adapter?
job.yaml:15:3  spec.training.learningRate is missing; it must be a decimal number such as "0.1" or "2e-4"
job.yaml:18:21  spec.training.microBatchSize is 3; it must divide globalBatchSize
job.yaml:19:5  spec.training.learning_rate is not a field of spec.training
  hint: did you mean learningRate?
job.yaml:20:23  spec.training.schedule.type is Cosin; it must be Constant, Linear, Cosine or WarmupStableDecay
  hint: did you mean Cosine?
job.yaml:21:27  spec.worker.env[0].name is HF_TOKEN; it must not begin with a prefix that the project sets itself: ANNEAL_, KUBERNETES_, NATS_, NCCL_SOCKET_, AWS_, HF_, TRACEPARENT, NVIDIA_`,
  );
});

test('a file may hold several jobs, and empty documents do not count', (t) => {
  const manifest = parseManifest(`${good}---\n${good}---\n# nothing\n`, 'job.yaml');
  t.is(manifest.ok ? manifest.jobs.length : 0, 2);
});

test('problems of a second document carry its own lines', (t) => {
  t.regex(
    words(`${good}---\n${withLine(7, '  method: { preset: LORA }')}`),
    /^job\.yaml:17:21 {2}spec\.method\.preset/,
  );
});

test('one job is one job: a file with two cannot be run', (t) => {
  const error = t.throws(() => parseJob(`${good}---\n${good}`, 'job.yaml'), {
    instanceOf: UserError,
  });
  t.is(error.message, 'job.yaml has 2 jobs; exactly one can be run at a time');
});

test('a bad file is one error of the user that tells every problem', (t) => {
  const error = t.throws(() => parseJob(withLine(7, '  method: {}'), 'job.yaml'), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_INVALID_SPEC');
  t.regex(error.message, /^job\.yaml:7:11 {2}spec\.method must have/);
});

test('an empty file is told how a job begins', (t) => {
  t.is(
    words('\n# nothing\n'),
    'job.yaml  has no job\n  hint: a job begins with apiVersion: anneal.dev/v1alpha1',
  );
});

test('a later check can point at the place of a value', (t) => {
  const parsed = parseJob(good, 'job.yaml');
  const problem = parsed.problemAt(['spec', 'training', 'maxSteps'], {
    code: 'E_NOT_BUILT',
    message: 'm',
  });
  t.like(problem, {
    file: 'job.yaml',
    line: 8,
    column: 25,
    path: 'spec.training.maxSteps',
    message: 'm',
  });
});

test('what the API server adds to an object is accepted', (t) => {
  const written = aWrittenJob();
  const fetched = {
    ...written,
    metadata: {
      name: 'first',
      uid: 'u',
      resourceVersion: '7',
      generation: 2,
      managedFields: [{ a: 1 }],
    },
    status: { phase: 'Running', conditions: [] },
  };
  t.is(words(stringify(fetched)), '1 jobs');
});

test('JSON is read like YAML', (t) => {
  t.is(words(JSON.stringify(aWrittenJob())), '1 jobs');
});

const hostile: Readonly<Record<string, string>> = {
  'brackets without end': '['.repeat(300_000),
  'maps without end': '{a: '.repeat(100_000),
  'lists without end': '- '.repeat(100_000),
  'deep lists': `${'- '.repeat(3000)}x`,
  'a bomb of aliases': ['x', ...'abcdefgh'].reduce(
    (text, name, i, names) =>
      `${text}${name}: &${name} [${`*${names[i - 1] ?? 'x'},`.repeat(9)}]\n`,
    'x: &x [1]\n',
  ),
  'an alias of itself': 'a: &a { b: *a }\n',
  'anchors without end': '&a '.repeat(100_000),
  'one long line': `a: "${'x'.repeat(600_000)}"`,
  'keys without end': Array.from({ length: 30_000 }, (_, i) => `k${i}: 1`).join('\n'),
  'documents without end': '---\n'.repeat(100_000),
  'a tab within a word': 'kind: FineTuneJob\nspec: { a: 1 }| d\tataset: {}\n',
  'a key of the prototype': '__proto__: { polluted: 1 }\nkind: FineTuneJob\n',
};

for (const [name, text] of Object.entries(hostile)) {
  test(`a hostile file gets a short answer: ${name}`, (t) => {
    const answer = words(text);
    t.regex(answer, /^job\.yaml/);
    t.true(answer.length < 4000);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not appear
    t.notRegex(answer, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    t.false(Object.hasOwn(Object.prototype, 'polluted'));
  });
}

test('no change of bytes makes the reader throw, and every place lies in the file', (t) => {
  const edit = fc.record({
    at: fc.nat(good.length),
    drop: fc.nat(20),
    insert: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('\n', ': ', '- ', '{', '}', '"', '&a ', '*a', '\t', '\\N'),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const text = edits.reduce(
        (old, { at, drop, insert }) => old.slice(0, at) + insert + old.slice(at + drop),
        good,
      );
      const manifest = parseManifest(text, 'job.yaml');
      if (manifest.ok) return;
      const lines = text.split('\n').length;
      for (const { line = 1, column = 1, message } of manifest.problems) {
        if (line < 1 || line > lines || column < 1)
          throw new Error(`${line}:${column} of ${lines} lines`);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not appear
        if (/[\u0000-\u001f\u007f-\u009f]/.test(message)) throw new Error(JSON.stringify(message));
      }
    }),
    { numRuns: 400 },
  );
  t.pass();
});
