// `anneal serve`: starts the process that holds the model, and listens for requests.
import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { UserError } from '../../../crds/index.ts';
import type { DeviceName } from '../../../crds/names/device-name.ts';
import { serveMessage } from '../../../crds/serve/messages.ts';
import { servedName } from '../../../crds/serve/served-name.ts';
import { type ServeSettings, serveFile, serveSettings } from '../../../crds/serve/settings.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { type RoleEnd, type StartedRole, startRole } from '../../client/local-role.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { linesOf } from '../../jobs/message-lines.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import type { Surroundings } from '../../process/context.ts';
import { httpEdge } from '../../serve/http-edge.ts';
import { ModelProcess } from '../../serve/model-process.ts';
import { ServeMetrics } from '../../serve/numbers.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { ServeFlags } from './command.ts';
import { composed } from './compositions.ts';

const checkout = join(import.meta.dirname, '../../..');

type Streams = Pick<Surroundings, 'out' | 'err'>;

export async function serveFromTerminal(
  base: string,
  flags: ServeFlags,
  config: CliConfig,
  streams: Streams,
): Promise<number> {
  const { device, variables } = await deviceOf(flags);
  const settings = settingsOf(base, flags, config, device);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-serve-'));
  try {
    await writeFile(join(folder, serveFile), JSON.stringify(settings));
    return await serve({ folder, flags, variables, settings }, streams);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Serving {
  readonly folder: string;
  readonly flags: ServeFlags;
  readonly settings: ServeSettings;
  readonly variables: Readonly<Record<string, string>>;
}

async function serve(serving: Serving, { out, err }: Streams): Promise<number> {
  const { folder, flags, variables, settings } = serving;
  const signals = stopSignals();
  const started = startRole({
    worker: join(checkout, 'worker/main.ts'),
    ...{ role: 'serve', folder, variables },
    onMessage: (message) => {
      for (const line of linesOf(message)) err(`${sanitize(line)}\n`);
    },
    onOther: (raw) => {
      const { data } = serveMessage.safeParse(raw);
      if (data === undefined) return;
      model.hear(data);
      if (data.serve !== 'Models') return;
      err(`serving    ${data.models.map(({ name }) => name).join(', ')}\n`);
      for (const { reason } of data.refused) err(`refused    ${sanitize(reason)}\n`);
    },
  });
  const model = new ModelProcess(started.send);
  const edge = httpEdge({
    ...{ process: model, metrics: new ServeMetrics(model), most: flags.together + flags.queue },
    ...{ isDraining: () => signals.stop.aborted, now: () => now().getTime() },
    seed: () => randomInt(2 ** 31),
  });
  const onSignal = (): void => {
    if (signals.press(now())) drain(edge, started, model, err);
    else if (signals.kill.aborted) started.kill();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const listening = await listen(edge, flags).catch((error: unknown) => {
      started.kill();
      throw cannotListen(flags, error);
    });
    out(`http://${listening}/v1\n`);
    const ended = await started.ended;
    model.gone();
    return codeOf(ended, signals.stop.aborted, settings);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    edge.close();
    edge.closeAllConnections();
  }
}

/** No new requests; the process ends when those that are open are answered. */
function drain(
  edge: ReturnType<typeof httpEdge>,
  started: StartedRole,
  model: ModelProcess,
  err: Streams['err'],
): void {
  err(`answering ${model.open} open requests, then ending; press again to end at once\n`);
  edge.close();
  edge.closeIdleConnections();
  started.stop();
}

async function listen(edge: ReturnType<typeof httpEdge>, { host, port }: ServeFlags) {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  edge.once('error', reject);
  edge.listen(port, host, done);
  await promise;
  const address = edge.address() as AddressInfo;
  return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

function cannotListen({ host, port }: ServeFlags, error: unknown): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `cannot listen on ${host} port ${port}: ${error instanceof Error ? error.message : error}`,
    hint: 'choose another port with --port; 0 takes a free one',
  });
}

/** A process that was killed after it was told to stop did what was wanted. */
function codeOf(ended: RoleEnd, isStopping: boolean, { name }: ServeSettings): number {
  if (ended.type !== 'Failed' || isStopping) return 0;
  ended.error.message ||= `the server of ${name} ended ${ended.how}`;
  throw ended.error;
}

interface Chosen {
  readonly device: DeviceName;
  readonly variables: Readonly<Record<string, string>>;
}

async function deviceOf({ device = 'auto' }: ServeFlags): Promise<Chosen> {
  if (device === 'cpu') return { device, variables: {} };
  const { cards, hasKernels, variables } = await findDevices(thisMachine(), checkout);
  if (device !== 'auto') return { device, variables };
  return cards.length > 0 && hasKernels
    ? { device: 'cuda:0', variables }
    : { device: 'cpu', variables: {} };
}

function settingsOf(
  base: string,
  flags: ServeFlags,
  config: CliConfig,
  device: DeviceName,
): ServeSettings {
  const name = flags.name ?? nameOf(base);
  const adapters = (flags.adapter ?? []).map(([own, folder]) => ({
    name: own,
    folder: resolve(folder),
  }));
  const asked = flags.compose ?? [];
  requireNames([name, ...[...adapters, ...asked].map((one) => one.name)]);
  const compositions = composed(asked, {
    ...{ base: name, adapters: adapters.map((one) => one.name) },
    mayGrow: flags.adapters !== undefined,
  });
  return serveSettings.parse({
    ...{ version: 1, name, folder: process.cwd(), cache: config.cache, device },
    model: { source: sourceOf(base) },
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    dtype: flags.dtype ?? (device === 'cpu' ? 'float32' : 'bfloat16'),
    ...{ adapters, compositions, anyBase: flags.anyBase === true },
    ...(flags.adapters === undefined ? {} : { adaptersIn: resolve(flags.adapters) }),
    limits: {
      ...{ together: flags.together, context: flags.context },
      ...{ cacheBytes: flags.cache, maxTokens: flags.maxTokens },
    },
  });
}

function sourceOf(base: string) {
  if (existsSync(base)) return { local: { path: resolve(base) } };
  if (/^[\w][\w.-]*\/[\w][\w.-]*$/.test(base)) return { huggingFace: { repository: base } };
  throw new UserError({
    code: 'E_NOT_FOUND',
    message: `${base} is no file or folder here, and no repository such as OWNER/NAME`,
    hint: 'name the folder that has config.json, or a GGUF file',
  });
}

/** `model.Q4_1.gguf` is served as `model.Q4_1`. */
function nameOf(base: string): string {
  return basename(resolve(base)).replace(/\.gguf$/, '');
}

function requireNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  const wrong = names.find((name) => !servedName.safeParse(name).success);
  if (twice === undefined && wrong === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message:
      wrong === undefined
        ? `${twice} names two models; each needs a name of its own`
        : `${wrong} is no name of a model; it must have letters, digits, . _ and - alone`,
    hint: 'name the base with --name, adapters with --adapter NAME=FOLDER, and several together with --compose',
  });
}
