import test from 'ava';
import { planText } from '../../../cli/serve/plan-text.ts';
import { unlimited } from '../../../crds/plan/processor.ts';
import type { ServerPlan } from '../../../crds/serve/server-plan.ts';

const mib = 2 ** 20;
const plan: ServerPlan = {
  ...{ version: 1, source: 'a folder', pages: 256, tokens: 4096 },
  adapters: [{ name: 'first', bytes: 5 * mib }],
  refused: [{ name: 'lost', reason: '/lost/adapter_config.json is missing' }],
  parts: { weights: 500 * mib, cache: 180 * mib, adapters: 5 * mib, work: 215 * mib },
  ...{ peak: 900 * mib, limit: 1024 * mib, fits: true },
};

test('parts, their sum and the limit, and what was not counted', (t) => {
  t.snapshot(planText(plan, ['adapter made is the Adapter made-1, which only a cluster knows']));
});

test('a limit that nobody knows is not told', (t) => {
  t.notRegex(planText({ ...plan, limit: unlimited }), /limit|fits/);
  t.regex(planText({ ...plan, limit: 800 * mib, fits: false }), /800\.0 MiB +does not fit/);
});
