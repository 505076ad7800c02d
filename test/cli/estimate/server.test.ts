import test from 'ava';
import { stringify } from 'yaml';
import { estimateServer, isServer } from '../../../cli/estimate/server.ts';
import { unlimited } from '../../../crds/plan/processor.ts';
import type { PlanSettings, ServerPlan } from '../../../crds/serve/server-plan.ts';
import { claimed, vllm, writtenServer } from '../../builders/adapter-server.ts';

const plan: ServerPlan = {
  ...{ version: 1, source: 'a folder', pages: 1, tokens: 16, adapters: [], refused: [] },
  parts: { weights: 1, cache: 1, adapters: 0, work: 1 },
  ...{ peak: 3, limit: 4, fits: true },
};

async function asked(changes: Readonly<Record<string, unknown>>, gpuMemory?: number) {
  const text = stringify(writtenServer(changes));
  const seen: PlanSettings[] = [];
  const found = await estimateServer(
    text,
    'server.yaml',
    { gpuMemory, volumes: { results: '/data' } },
    {
      cache: '/cache',
      plan: async (settings) => {
        seen.push(settings);
        return plan;
      },
    },
  );
  return { found, settings: seen[0] };
}

test('a file has a server by its kind', (t) => {
  t.true(isServer(stringify(writtenServer())));
  t.false(isServer('kind: FineTuneJob\n# kind: AdapterServer'));
});

test('a server is planned with the folders of its claims and the limit of its pods', async (t) => {
  const made = { name: 'made', adapterRef: { name: 'made-1' } };
  const { found, settings } = await asked({
    adapters: [claimed('first'), claimed('other', 'elsewhere'), made],
    limits: { sequences: 4, context: 256 },
    resources: { limits: { memory: '1Gi' } },
  });
  t.like(settings, {
    adapters: [
      { name: 'first', folder: '/data/first/adapter' },
      { name: 'other', folder: '/cache/volumes/elsewhere/other/adapter' },
    ],
    ...{ dtype: 'float32', limitBytes: 2 ** 30 - 2 ** 27 },
    limits: { together: 4, context: 256, cacheBytes: 2 ** 29, maxTokens: 512 },
  });
  t.deepEqual(found.uncounted, ['adapter made is the Adapter made-1, which only a cluster knows']);
});

test('without a limit the plan has none, and a device has its own', async (t) => {
  t.is((await asked({})).settings?.limitBytes, unlimited);
  const onDevice = { devicesPerReplica: 1, resources: { limits: { memory: '1Gi' } } };
  t.is((await asked(onDevice)).settings?.limitBytes, unlimited);
  t.is((await asked(onDevice, 7)).settings?.limitBytes, 7);
});

test('vLLM plans for itself, and mistakes are found in the file', async (t) => {
  const engine = { engine: vllm, devicesPerReplica: 1 };
  await t.throwsAsync(asked(engine), { message: /has the engine VLLM/ });
  await t.throwsAsync(asked({ modelNam: 'x' }), { message: /modelNam/ });
});
