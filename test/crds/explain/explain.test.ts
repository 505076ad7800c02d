import test from 'ava';
import { explainField, fieldDocs } from '../../../crds/explain/explain.ts';

test('a field is found by its path, with or without spec, with or without indices', (t) => {
  const doc = explainField('spec.method.adapter.lora.rank');
  t.like(doc, {
    type: 'whole number, 1 to 1024',
    default: 16,
    required: false,
    mutability: 'Immutable',
  });
  t.is(explainField('method.adapter.lora.rank'), doc);
  t.is(explainField('.spec.worker.env[0].name')?.path, 'spec.worker.env[].name');
  t.is(explainField('spec.method.adapter.lora.rnak'), undefined);
});

test('a choice tells its values, a decimal its form, an object its fields', (t) => {
  t.deepEqual(explainField('dataset.packing')?.allowed, ['None', 'Packed']);
  t.is(explainField('training.learningRate')?.type, 'decimal in quotes');
  t.true(explainField('training.learningRate')?.required);
  t.true(explainField('training')?.fields.includes('spec.training.maxSteps'));
  t.is(explainField('worker.sharedMemorySize')?.type, 'quantity');
});

test('every field has a description', (t) => {
  for (const { path, description } of fieldDocs().values()) {
    // Items of lists, values of maps and the parts that the API server describes itself.
    if (/(\[\]|\*)$/.test(path) || !/^(spec|status)/.test(path)) continue;
    t.true(description.length > 0, path);
  }
});

test('a description of a parameter with a default tells it', (t) => {
  t.regex(
    explainField('method.optimizer.adamW.betas')?.description ?? '',
    /Default: 0\.9, 0\.999\.$/,
  );
});
