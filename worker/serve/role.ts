// The role `serve`: holds one base and its adapters, and answers what the HTTP edge asks, until it
// is told to stop; then it answers what it was asked before.
import { setImmediate } from 'node:timers/promises';
import { UserError } from '../../crds/failures/errors.ts';
import { pageBytes, pagesOf, pageTokens } from '../../crds/plan/serving-memory.ts';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import { type ServeMessage, serveOrder } from '../../crds/serve/messages.ts';
import { type ServeSettings, serveFile, serveSettings } from '../../crds/serve/settings.ts';
import { type ModelFiles, openModel } from '../decoder/model-files.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import { environmentOf } from '../prepare/environment.ts';
import { modelPath } from '../prepare/resolve-source.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord } from '../run-folder.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import { trimMemory } from '../tensor/memory.ts';
import { setThreads } from '../tensor/threads.ts';
import { exactly, openDevice } from '../train/open-device.ts';
import { AdapterFolder } from './adapter-folder.ts';
import { resolveBase } from './base-source.ts';
import { BucketAdapters } from './bucket-adapters.ts';
import { freeFor, inWords, MemoryBudget } from './memory-budget.ts';
import { textsOf } from './questions.ts';
import { Server } from './server.ts';

/** How often the folder of adapters is looked at. */
const lookMs = 1000;

export const serveRole: Role = async (context) => {
  const settings = await requireRecord(context.folder, serveFile, serveSettings);
  const { clock } = context;
  const source = await resolveBase(settings, context);
  const path = modelPath(source);
  using files = openModel(path);
  openDevice(settings.device, exactly);
  const budget = new MemoryBudget(settings, files.headers);
  tellPlan(budget, settings, context);
  const limits = limitsOf(settings, files);
  const model = load(settings, files, limits.context, context);
  using _parameters = model.parameters;
  const say = (message: ServeMessage): void => context.say?.(message);
  using server = new Server({
    ...{ name: settings.name, say, ...limits, now: () => Math.floor(clock.now() / 1000) },
    base: { model, digest: source.digest, acceptsUnnamed: settings.anyBase },
    ...{ compositions: settings.compositions, budget },
    texts: await textsOf(files.headers),
  });
  for (const { name, folder } of settings.adapters) await server.addAdapter(name, folder);
  const watched = new AdapterFolder(
    server,
    settings,
    new BucketAdapters({
      environment: () => environmentOf(settings, context, 'model'),
      ...{ now: () => clock.now(), stop: context.stop },
    }),
  );
  await watched.look();
  const tell = (): void =>
    say({
      serve: 'Models',
      models: [...server.models],
      refused: [...watched.refused, ...server.waiting],
    });
  // Requests find room where loading had it.
  trimMemory();
  tell();
  await answer(server, watched, context, tell);
};

async function answer(
  server: Server,
  watched: AdapterFolder,
  { hear, stop, clock }: RoleContext,
  tell: () => void,
): Promise<void> {
  let wake = (): void => {};
  hear?.((message) => {
    const { data: order } = serveOrder.safeParse(message);
    if (order?.serve === 'Ask') server.ask(order.id, order.question);
    if (order?.serve === 'Drop') server.drop(order.id);
    wake();
  });
  stop.addEventListener('abort', () => wake());
  let lookedAt = clock.now();
  while (!stop.aborted || !server.isIdle) {
    if (clock.now() - lookedAt >= lookMs) {
      if (await watched.look()) tell();
      lookedAt = clock.now();
    }
    if (server.isIdle) {
      const woken = new AbortController();
      wake = () => woken.abort();
      // Asked for while the folder was looked at.
      if (server.isIdle && !stop.aborted) await clock.sleep(lookMs, woken.signal).catch(() => {});
    } else {
      server.step();
      // Orders are received here.
      await setImmediate();
    }
  }
}

function load(
  { dtype, device, threads }: ServeSettings,
  files: ModelFiles,
  sequenceLength: number,
  { emit }: RoleContext,
): Model {
  setThreads(threads);
  const total = files.tensorNames.length;
  const report = { type: 'stage', stage: 'Load', unit: 'Tensors', total } as const;
  emit({ ...report, state: 'Started' });
  const model = frozenModel(modelSource(files), { dtype, device, sequenceLength });
  emit({ ...report, state: 'Done', done: total });
  return model;
}

/** Before anything is loaded. Throws with the sum for a server that could never fit. */
function tellPlan(
  budget: MemoryBudget,
  { device }: ServeSettings,
  { emit }: Pick<RoleContext, 'emit'>,
): void {
  budget.require(0);
  const plan = budget.plan(0);
  const note = `at most ${inWords(plan)}`;
  emit({ type: 'stage', stage: 'Prepare', state: 'Done', subject: 'memory', note });
  const free = freeFor(device);
  if (plan.peak <= free) return;
  const message = `the server needs ${bytesInWords(plan.peak)} without adapters by the memory plan, and ${bytesInWords(free)} are free`;
  emit({ type: 'warning', reason: 'DoesNotFit', message });
}

/** Pages of the cache, and tokens of a text, which the model and the cache limit. */
function limitsOf({ limits, dtype }: ServeSettings, { config }: ModelFiles) {
  const width = dtypeBytes(dtype);
  const most = Math.min(limits.context, config.contextLength);
  const pages = pagesOf(config, width, { ...limits, context: most });
  if (pages === 0) {
    throw new UserError({
      code: 'E_USAGE',
      message: `--cache is ${limits.cacheBytes} bytes; keys and values of ${pageTokens} tokens of this model take ${pageBytes(config, width)}`,
      hint: 'give it more',
    });
  }
  const context = Math.min(most, pages * pageTokens);
  return { pages, context, together: limits.together, maxTokens: limits.maxTokens };
}
