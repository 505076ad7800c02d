// One base under several models: frozen tensors are made once, a model's end leaves them to the
// others, and the last end leaves nothing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { type BuildOptions, buildModel, modelSource } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { SharedBase } from '../../../worker/engine/shared-base.ts';
import { nf4 } from '../../../worker/methods/weights/nf4.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { makeToy } from '../../toy/make-toy.ts';

const store = nf4({ blockSize: 32, scales: 'Float32' });

async function aToy(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-base-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'model');
  await makeToy(path, 'llama', {
    config: { hidden_size: 64, intermediate_size: 96 },
  });
  return path;
}

/** Nothing of it trains, unless the options say so. */
function build(path: string, base: SharedBase | null, form = '', more: Partial<BuildOptions> = {}) {
  using files = openModel(path);
  const read: string[] = [];
  const source = modelSource(files);
  const model = buildModel(
    {
      ...source,
      load(name, dtype) {
        read.push(name);
        return source.load(name, dtype);
      },
    },
    {
      ...{ dtype: 'float32', adapter: null, trains: () => false, sequenceLength: 32, ...more },
      ...(base && { shared: { base, form } }),
    },
  );
  return { model, read };
}

const valuesOf = ({ parameters }: Model) =>
  parameters.all().map(({ name, value }) => [name, value.dtype, toArray(value)]);

test('two models have the values of one alone, and the second reads nothing', async (t) => {
  const path = await aToy(t);
  const before = liveHandles();
  const base = new SharedBase(openModel(path), 'digest');
  const alone = build(path, null, '', { store });
  const first = build(path, base, 'nf4', { store });
  const second = build(path, base, 'nf4', { store });
  t.true(alone.read.length > 0);
  t.deepEqual([first.read, second.read], [[], []]);
  const expected = valuesOf(alone.model);
  t.is(base.count, expected.length);
  first.model.parameters[Symbol.dispose]();
  t.deepEqual(valuesOf(second.model), expected, 'the end of one leaves the other whole');
  base[Symbol.dispose]();
  t.deepEqual(valuesOf(second.model), expected, 'so does the end of the base');
  for (const { model } of [second, alone]) model.parameters[Symbol.dispose]();
  t.is(liveHandles(), before);
});

test("what trains is each model's own, and another form is another tensor", async (t) => {
  const path = await aToy(t);
  using base = new SharedBase(openModel(path), 'digest');
  const isHead = ({ name }: { readonly name: string }) => name === 'model.norm.weight';
  const first = build(path, base, 'dense', { trains: isHead });
  const second = build(path, base, 'nf4', { store });
  using _first = first.model.parameters;
  using _second = second.model.parameters;
  t.deepEqual(first.read, ['model.norm.weight']);
  t.is(base.count, 2 * second.model.parameters.all().length - 1);
});
