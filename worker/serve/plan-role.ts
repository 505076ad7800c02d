// The role `plan-server`: how much memory a server will take, from headers alone. Of a model on a
// hub only some megabytes are fetched.
import { pagesOf, pageTokens } from '../../crds/plan/serving-memory.ts';
import {
  type PlanSettings,
  planSettings,
  serverPlan,
  serverPlanFile,
} from '../../crds/serve/server-plan.ts';
import { serveFile } from '../../crds/serve/settings.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { ModelConfig } from '../families/family.ts';
import { environmentOf } from '../prepare/environment.ts';
import { fetchModelHeaders } from '../prepare/source-headers.ts';
import type { Role } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import { exactly, openDevice } from '../train/open-device.ts';
import { openAdapter } from './adapter-files.ts';
import { adaptersIn } from './adapters-in.ts';
import { MemoryBudget } from './memory-budget.ts';
import { refusalOf } from './refusal.ts';
import { copiesOf } from './served-models.ts';

export const planServerRole: Role = async (context) => {
  const settings = await requireRecord(context.folder, serveFile, planSettings);
  const environment = await environmentOf(settings, context, 'model');
  const headers = await fetchModelHeaders(settings.model, environment, context.stop);
  const { adapters, refused } = await sizesOf(settings, headers.config);
  const { compositions, limits, dtype, limitBytes } = settings;
  const all = adapters.map(({ name, bytes }) => copiesOf(name, compositions) * bytes);
  if (limitBytes === undefined) openDevice(settings.device, exactly);
  const budget = new MemoryBudget(settings, headers, limitBytes);
  const plan = budget.plan(all.reduce((sum, bytes) => sum + bytes, 0));
  const most = Math.min(limits.context, headers.config.contextLength);
  const pages = pagesOf(headers.config, dtypeBytes(dtype), { ...limits, context: most });
  await writeRecord(context.folder, serverPlanFile, serverPlan, {
    ...{ version: 1, source: headers.path, adapters, refused },
    ...{ pages, tokens: pages * pageTokens, ...plan },
  });
};

async function sizesOf(settings: PlanSettings, config: ModelConfig) {
  const linears = linearLayers(config);
  const adapters: { name: string; bytes: number }[] = [];
  const refused: { name: string; reason: string }[] = [];
  const found =
    settings.adaptersIn === undefined ? [] : [...(await adaptersIn(settings.adaptersIn))];
  const folders = found.map(([name, { folder }]) => ({ name, folder }));
  for (const { name, folder } of [...settings.adapters, ...folders]) {
    try {
      using adapter = await openAdapter(folder, linears);
      adapters.push({ name, bytes: adapter.bytes });
    } catch (error) {
      refused.push({ name, reason: refusalOf(error, folder) });
    }
  }
  return { adapters, refused };
}
