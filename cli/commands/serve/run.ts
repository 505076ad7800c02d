// `anneal serve`: from its flags to a server in the foreground.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { failureOf } from '../../../crds/index.ts';
import type { DeviceName } from '../../../crds/names/device-name.ts';
import { type ServeSettings, serveFile, serveSettings } from '../../../crds/serve/settings.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { linesOf } from '../../jobs/message-lines.ts';
import type { CliConfig } from '../../process/config.ts';
import type { Surroundings } from '../../process/context.ts';
import { planServer } from '../../serve/plan-server.ts';
import { planText } from '../../serve/plan-text.ts';
import { serveUntilStopped } from '../../serve/serving.ts';
import { checkout } from '../local-work/place.ts';
import { deviceOf, namedBeside, sourceOf } from './base-of.ts';
import type { ServeFlags } from './command.ts';

type Streams = Pick<Surroundings, 'out' | 'err'>;

export async function serveFromTerminal(
  base: string,
  flags: ServeFlags,
  config: CliConfig,
  streams: Streams,
): Promise<number> {
  const { device, variables } = await deviceOf(flags.device);
  const settings = settingsOf(base, flags, config, device);
  const worker = join(checkout, 'worker/main.ts');
  if (flags.plan === true) {
    const warn = (message: string): void => streams.err(`${sanitize(message)}\n`);
    const plan = await planServer(settings, { worker, variables, warn });
    streams.out(planText(plan));
    return plan.fits ? 0 : failureOf('E_DOES_NOT_FIT').cliExit;
  }
  const folder = await mkdtemp(join(tmpdir(), 'anneal-serve-'));
  try {
    await writeFile(join(folder, serveFile), JSON.stringify(settings));
    const { host, port } = flags;
    await serveUntilStopped({
      ...{ worker, folder, variables, host, port },
      ...{ name: settings.name, most: flags.together + flags.queue, lingerMs: 0 },
      stats: flags.stats === true,
      told: (message) => {
        for (const line of linesOf(message)) streams.err(`${sanitize(line)}\n`);
      },
      ...streams,
    });
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function settingsOf(
  base: string,
  flags: ServeFlags,
  config: CliConfig,
  device: DeviceName,
): ServeSettings {
  const named = namedBeside(base, flags, flags.adapters !== undefined);
  return serveSettings.parse({
    ...{ version: 1, folder: process.cwd(), cache: config.cache, device },
    model: { source: sourceOf(base) },
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    dtype: flags.dtype ?? (device === 'cpu' ? 'float32' : 'bfloat16'),
    ...{ ...named, anyBase: flags.anyBase === true },
    ...(flags.adapters === undefined ? {} : { adaptersIn: resolve(flags.adapters) }),
    limits: {
      ...{ together: flags.together, context: flags.context },
      ...{ cacheBytes: flags.cache, maxTokens: flags.maxTokens },
    },
  });
}
