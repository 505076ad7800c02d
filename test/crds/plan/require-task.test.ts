import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { requireTask } from '../../../crds/plan/require-task.ts';
import { aSpec } from '../../builders/job.ts';

const classes = { 'model.task': 'SequenceClassification', 'dataset.labels': ['a', 'b'] };

test('a model learns what models of its kind can', (t) => {
  t.notThrows(() => requireTask(aSpec(), { kind: 'decoder' }, 'llama'));
  t.notThrows(() => requireTask(aSpec({ 'model.task': 'CausalLM' }), { kind: 'decoder' }, 'llama'));
  t.notThrows(() => requireTask(aSpec(classes), { kind: 'encoder' }, 'bert'));
});

test('another task is refused with what the model does', (t) => {
  const refused = t.throws(() => requireTask(aSpec(), { kind: 'encoder' }, 'bert'), {
    instanceOf: UserError,
  });
  t.is(
    refused?.message,
    'spec.model.task is CausalLM, but the model is a bert, which gives texts a class',
  );
  t.regex(refused?.hint ?? '', /set spec\.model\.task: SequenceClassification/);
  const other = t.throws(() => requireTask(aSpec(classes), { kind: 'decoder' }, 'llama'), {
    instanceOf: UserError,
  });
  t.regex(other?.message ?? '', /is a llama, which continues texts/);
});
