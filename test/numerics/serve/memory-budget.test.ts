// A server, or an adapter of it, that does not fit is refused with the sum.
import { join } from 'node:path';
import test from 'ava';
import { serveSettings } from '../../../crds/serve/settings.ts';
import { readModelHeaders } from '../../../worker/decoder/model-headers.ts';
import { MemoryBudget } from '../../../worker/serve/memory-budget.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { makeToy } from '../../toy/make-toy.ts';

const mib = 2 ** 20;

test('what does not fit is refused with the sum', async (t) => {
  await using root = await temporaryFolder();
  const headers = readModelHeaders(await makeToy(join(root.path, 'model'), 'llama'));
  const settings = serveSettings.parse({
    ...{ version: 1, name: 'base', folder: root.path, cache: root.path, device: 'cpu' },
    ...{ model: { source: { local: { path: 'model' } } }, threads: 1, dtype: 'float32' },
    limits: { together: 4, context: 64, cacheBytes: mib, maxTokens: 4 },
    ...{ adapters: [], compositions: [], anyBase: true },
  });
  const { peak } = new MemoryBudget(settings, headers, 1).plan(0);
  const budget = new MemoryBudget(settings, headers, peak + mib);
  t.notThrows(() => budget.require(mib / 2, 'small'));
  const sum = /needs \d+\.\d MiB: \S+ \w+ of weights \+ \S+ \w+ of keys and values \+ /;
  t.throws(() => budget.require(40 * mib, 'large'), {
    message: new RegExp(
      `^with the adapter large the server ${sum.source}40\\.0 MiB of adapters \\+`,
    ),
  });
  t.throws(() => new MemoryBudget(settings, headers, mib).require(0), {
    message: new RegExp(`^the server ${sum.source}.* of work; 1\\.0 MiB are there$`),
  });
});
