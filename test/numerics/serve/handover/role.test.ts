// What vLLM is given of a base and its adapters, from folders and a bucket.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../../crds/clock.ts';
import {
  type HandoverSettings,
  handedOver,
  handedOverFile,
  handoverFile,
} from '../../../../crds/serve/handover.ts';
import { openModel } from '../../../../worker/decoder/model-files.ts';
import { resolveModel } from '../../../../worker/prepare/resolve-source.ts';
import { handoverRole } from '../../../../worker/serve/handover/role.ts';
import { writePeftFolder } from '../../../builders/peft-folder.ts';
import { S3Server } from '../../../doubles/s3-server.ts';
import { temporaryFolder, testEnvironment } from '../../../doubles/sources.ts';
import { makeToy } from '../../../toy/make-toy.ts';

const never = new AbortController().signal;
const target = { config: { target_modules: ['q_proj'] } };

test('vLLM gets what it computes as it was trained, and the rest is refused by name', async (t) => {
  await using root = await temporaryFolder();
  await using s3 = await S3Server.start();
  const at = (...parts: readonly string[]) => join(root.path, ...parts);
  const source = { local: { path: await makeToy(at('model'), 'llama') } };
  const { digest } = await resolveModel({ source }, testEnvironment(root.path, {}), never);
  {
    using files = openModel(at('model'));
    await writePeftFolder(at('good'), files, { rank: 12, baseDigest: digest, ...target });
    await writePeftFolder(at('uneven'), files, {
      ...{ rank: 8, ranks: { q_proj: 4 }, baseDigest: digest, ...target },
    });
    await writePeftFolder(at('foreign'), files, { rank: 8, baseDigest: 'sha256:1', ...target });
  }
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    s3.put(`/results/far/${name}`, await readFile(at('good', name)));
  }
  const { origin: endpoint } = new URL(s3.endpoint);
  const settings: HandoverSettings = {
    ...{ version: 1, name: 'base', folder: root.path, cache: at('cache'), volumes: {} },
    ...{ model: { source }, anyBase: false, context: 100_000, together: 2, devices: 1 },
    adapters: [
      ...['good', 'uneven', 'foreign', 'lost'].map((name) => ({ name, folder: at(name) })),
      { name: 'far', s3: { uri: 's3://results/far', endpoint } },
    ],
  };
  const keys = { AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: 'hidden' };
  const hand = async (changes: Partial<HandoverSettings> = {}) => {
    await writeFile(at(handoverFile), JSON.stringify({ ...settings, ...changes }));
    await handoverRole({
      ...{ folder: root.path, clock: systemClock, stop: never, emit: () => {} },
      config: { cache: at('cache'), variables: keys },
    });
    return handedOver.parse(JSON.parse(await readFile(at(handedOverFile), 'utf8')));
  };
  const { model, arguments: args, refused } = await hand();
  t.is(model, at('model'));
  t.deepEqual(args.slice(0, 9), [
    ...['--max-model-len', '128', '--enable-lora', '--max-loras', '2', '--max-cpu-loras', '2'],
    ...['--max-lora-rank', '16'],
  ]);
  const modules = args.slice(10).map((text): { name: string; path: string } => JSON.parse(text));
  t.deepEqual(
    modules.map(({ name }) => name),
    ['good', 'far'],
  );
  t.deepEqual(
    await readFile(join(modules[1]?.path ?? '', 'adapter_model.safetensors')),
    await readFile(at('good', 'adapter_model.safetensors')),
  );
  t.deepEqual(
    refused.map(({ name }) => name),
    ['uneven', 'foreign', 'lost'],
  );
  await t.throwsAsync(hand({ devices: 7 }), { message: /cannot split them over 7 devices/ });
});
