// What a pod that wrote an adapter tells of the model that it is for.
import test from 'ava';
import { readModelHeaders } from '../../../worker/decoder/model-headers.ts';
import { factsOf } from '../../../worker/decoder/registry.ts';
import { readPublished } from '../../../worker/supervisor/achieved.ts';
import { aToyRun } from '../../builders/toy-run.ts';

test('the sizes of the model are told with the adapter', async (t) => {
  const run = await aToyRun(t, { name: 'sized', method: { preset: 'LoRA' } });
  await run.all();
  const { model } = await readPublished(run.folder, {});
  const headers = readModelHeaders(`${run.record.folder}/model`);
  t.deepEqual(model, { facts: factsOf(headers.config, headers), storedBfloat16: 0 });
});
