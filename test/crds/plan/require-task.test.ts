import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { requireTask } from '../../../crds/plan/require-task.ts';
import { aSpec } from '../../builders/job.ts';

const classes = { 'model.task': 'SequenceClassification', 'dataset.labels': ['a', 'b'] };
const pictures = {
  ...{ 'model.task': 'ImageClassification', 'dataset.labels': ['a', 'b'] },
  'dataset.sequenceLength': undefined,
};
const llama = { kind: 'decoder', family: 'llama', contextLength: 16 } as const;
const bert = { kind: 'encoder', family: 'bert', contextLength: 512 } as const;

test('a model learns what models of its kind can', (t) => {
  // A decoder rotates positions, of which there is no end.
  t.notThrows(() => requireTask(aSpec({ 'dataset.sequenceLength': 64 }), llama));
  t.notThrows(() => requireTask(aSpec({ 'model.task': 'CausalLM' }), llama));
  t.notThrows(() => requireTask(aSpec({ ...classes, 'dataset.sequenceLength': 512 }), bert));
});

test('another task is refused with what the model does', (t) => {
  const refused = t.throws(() => requireTask(aSpec(), bert), { instanceOf: UserError });
  t.is(
    refused?.message,
    'spec.model.task is absent, which is CausalLM, but the model is a bert, which gives texts a class',
  );
  t.regex(refused?.hint ?? '', /set spec\.model\.task: SequenceClassification/);
  const other = t.throws(() => requireTask(aSpec(classes), llama), { instanceOf: UserError });
  t.regex(other?.message ?? '', /is a llama, which continues texts/);
});

test('a model of pictures learns classes of pictures, and no model of texts does', (t) => {
  const dinov2 = { kind: 'vision', family: 'dinov2', contextLength: 257 } as const;
  t.notThrows(() => requireTask(aSpec(pictures), dinov2));
  const refused = t.throws(() => requireTask(aSpec(classes), dinov2), { instanceOf: UserError });
  t.is(
    refused.message,
    'spec.model.task is SequenceClassification, but the model is a dinov2, which gives pictures a class',
  );
  t.regex(refused.hint ?? '', /set spec\.model\.task: ImageClassification, and name the classes/);
  for (const other of [llama, bert]) {
    t.throws(() => requireTask(aSpec(pictures), other), { message: /is ImageClassification, but/ });
  }
  const dit = { kind: 'diffusion', family: 'dit', contextLength: 16 } as const;
  t.throws(() => requireTask(aSpec(), dit), {
    instanceOf: UserError,
    message:
      'spec.model.task is absent, which is CausalLM, but the model is a dit, which makes pictures',
  });
});

test('a network that restores pictures has a task of its own', (t) => {
  const srvgg = { kind: 'restoration', family: 'srvgg', contextLength: 4096 } as const;
  t.notThrows(() =>
    requireTask(aSpec({ 'model.task': 'Restoration', 'dataset.sequenceLength': undefined }), srvgg),
  );
  const refused = t.throws(() => requireTask(aSpec(), srvgg), { instanceOf: UserError });
  t.regex(refused?.message ?? '', /the model is a srvgg, which restores pictures$/);
  t.regex(refused?.hint ?? '', /set spec\.model\.task: Restoration/);
});

test('a model of sounds is refused whatever the task: jobs have none', (t) => {
  const whisper = { kind: 'speech', family: 'whisper', contextLength: 448 } as const;
  for (const spec of [aSpec(), aSpec(classes)]) {
    const refused = t.throws(() => requireTask(spec, whisper), { instanceOf: UserError });
    t.is(
      refused.message,
      'the model is a whisper, which writes down what is said; jobs of this version train none',
    );
  }
});

test('texts that are longer than the positions of an encoder are refused', (t) => {
  const long = aSpec({ ...classes, 'dataset.sequenceLength': 513 });
  const refused = t.throws(() => requireTask(long, bert), { instanceOf: UserError });
  t.is(refused?.path, 'spec.dataset.sequenceLength');
  t.regex(refused?.message ?? '', /is 513, but this bert has positions for 512 tokens/);
});
