import test from 'ava';
import { fieldDocs } from '../../../crds/explain/explain.ts';
import { explainMethod, methodNames } from '../../../crds/explain/explain-method.ts';

test('a preset tells the axes that it sets', (t) => {
  const [doc] = explainMethod('lora-plus');
  t.is(doc?.name, 'LoRAPlus');
  t.deepEqual(doc?.sets, [
    ['spec.method.base.type', 'Dense'],
    ['spec.method.adapter.type', 'LoRA'],
    ['spec.method.adapter.lora.learningRateRatio', '16'],
    ['spec.method.selection.type', 'All'],
    ['spec.method.optimizer.type', 'AdamW'],
  ]);
  t.is(doc?.paper?.arxiv, '2402.12354');
});

test('a name may be a preset and a value of an axis', (t) => {
  t.deepEqual(
    explainMethod('LORA').map(({ kind }) => kind),
    ['preset', 'adapter'],
  );
});

test('the parameters of a value are fields that explain knows', (t) => {
  for (const name of methodNames()) {
    for (const { parameters, sets } of explainMethod(name)) {
      if (parameters !== undefined) t.true(fieldDocs().has(parameters), parameters);
      for (const [path] of sets) t.true(fieldDocs().has(path), path);
    }
  }
});

test('what is no method has no doc', (t) => {
  t.deepEqual(explainMethod('nothing'), []);
});
