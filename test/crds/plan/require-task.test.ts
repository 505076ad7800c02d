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

test('a tracker has a task of its own', (t) => {
  const lorat = { kind: 'tracking', family: 'lorat', contextLength: 320 } as const;
  t.notThrows(() =>
    requireTask(aSpec({ 'model.task': 'Tracking', 'dataset.sequenceLength': undefined }), lorat),
  );
  const refused = t.throws(() => requireTask(aSpec(), lorat), { instanceOf: UserError });
  t.regex(refused?.message ?? '', /the model is a lorat, which tracks objects$/);
  t.is(refused?.hint, 'set spec.model.task: Tracking');
});

const whisper = {
  kind: 'speech',
  family: 'whisper',
  contextLength: 448,
  sourcePositions: 1500,
} as const;

test('a model that writes down what is said has a task of its own', (t) => {
  const hearing = { 'model.task': 'SpeechToText', 'dataset.sequenceLength': 448 };
  t.notThrows(() => requireTask(aSpec(hearing), whisper));
  const refused = t.throws(() => requireTask(aSpec(), whisper), { instanceOf: UserError });
  t.regex(refused.message, /the model is a whisper, which writes down what is said$/);
  t.is(refused.hint, 'set spec.model.task: SpeechToText');
  const long = aSpec({ ...hearing, 'dataset.sequenceLength': 449 });
  t.throws(() => requireTask(long, whisper), {
    instanceOf: UserError,
    message: /is 449, but this whisper has positions for 448 tokens/,
  });
});

test('sounds are no longer than what a model hears at once', (t) => {
  const hearing = (audioSeconds: number) =>
    aSpec({
      'model.task': 'SpeechToText',
      'dataset.sequenceLength': 64,
      'dataset.audioSeconds': audioSeconds,
    });
  t.notThrows(() => requireTask(hearing(30), whisper));
  const short = { ...whisper, sourcePositions: 275 };
  t.notThrows(() => requireTask(hearing(5), short));
  const refused = t.throws(() => requireTask(hearing(6), short), { instanceOf: UserError });
  t.is(
    refused.message,
    'spec.dataset.audioSeconds is 6, but this whisper hears 5.5 seconds at once',
  );
  t.is(refused.hint, 'set it to at most 5');
});

test('a model that compares texts with pictures has a task of its own', (t) => {
  const clip = { kind: 'imageText', family: 'clip', contextLength: 77 } as const;
  t.notThrows(() =>
    requireTask(aSpec({ ...pictures, 'model.task': 'ContrastiveImageText' }), clip),
  );
  const refused = t.throws(() => requireTask(aSpec(pictures), clip), { instanceOf: UserError });
  t.is(
    refused.message,
    'spec.model.task is ImageClassification, but the model is a clip, which tells what texts and pictures belong together',
  );
  t.regex(refused.hint ?? '', /set spec\.model\.task: ContrastiveImageText, and name the classes/);
});

test('texts that are longer than the positions of an encoder are refused', (t) => {
  const long = aSpec({ ...classes, 'dataset.sequenceLength': 513 });
  const refused = t.throws(() => requireTask(long, bert), { instanceOf: UserError });
  t.is(refused?.path, 'spec.dataset.sequenceLength');
  t.regex(refused?.message ?? '', /is 513, but this bert has positions for 512 tokens/);
});
