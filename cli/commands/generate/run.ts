// `anneal generate FILE`: trains a generator of adapters on this machine, and makes those that the
// file asks for.
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { digestOf } from '../../../crds/index.ts';
import { parseGenerator } from '../../../crds/manifest/adapter-generator.ts';
import { type GeneratorRun, generatorFiles, generatorRun } from '../../../crds/wire/generator.ts';
import { type OutcomeRecord, runFiles } from '../../../crds/wire/run-folder.ts';
import { chooseStored, writeJson } from '../../client/numbered-store.ts';
import { readText } from '../../client/read-job.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { chooseDevices, needsLooking } from '../../devices/choose-devices.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { runGenerator } from '../../generator/run-generator.ts';
import { taskJob } from '../../generator/task-job.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import { thisMachine } from '../../setup/machine.ts';
import type { GenerateFlags } from './command.ts';
import { generatorJson, generatorLines } from './text.ts';

const checkout = join(import.meta.dirname, '../../..');

export async function generateFromTerminal(
  file: string,
  flags: GenerateFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const { record, variables } = await recordOf(file, flags, config);
  using chosen = await chooseStored(
    { kind: 'generators', schema: generatorRun, file: generatorFiles.run },
    record,
    flags.fresh ?? false,
  );
  const { stored, continued } = chosen;
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const view = (flags.output === 'json' ? generatorJson : generatorLines)(write, stored);
  view.begin(continued);
  const signals = stopSignals();
  const onSignal = (): void => {
    if (signals.press(now())) view.warn('saving and stopping; press again to end at once');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const { stop, kill } = signals;
  const outcome = await runGenerator(stored, { worker, variables, stop, kill, view });
  const ended: OutcomeRecord = {
    ...{ version: 1, state: outcome.type, endedAt: now().toISOString() },
    ...(outcome.type === 'Failed' && { code: outcome.error.code, message: outcome.error.message }),
  };
  await writeJson(stored.folder, runFiles.outcome, ended);
  view.end(outcome.type);
  if (outcome.type === 'Failed') throw outcome.error;
  return outcome.type === 'Complete' ? 0 : 130;
}

async function recordOf(file: string, flags: GenerateFlags, config: CliConfig) {
  const { spec, metadata } = parseGenerator(await readText(file), file);
  const job = taskJob(spec, spec.tasks[0]?.records ?? {});
  const asked = flags.device ?? 'auto';
  const found = needsLooking(asked, job) ? await findDevices(thisMachine(), checkout) : undefined;
  const { devices, note } = chooseDevices(asked, job, 1, found);
  if (note !== undefined) process.stderr.write(`${note}\n`);
  const [device = 'cpu'] = devices;
  const volumes = Object.entries(flags.volume ?? {});
  const { destination: _to, ...decisive } = spec;
  const record: GeneratorRun = {
    version: 1,
    name: metadata.name ?? 'generator',
    namespace: metadata.namespace ?? 'default',
    folder: dirname(resolve(file)),
    spec,
    digest: digestOf(decisive),
    volumes: Object.fromEntries(volumes.map(([name, folder]) => [name, resolve(folder)])),
    cache: config.cache,
    device,
    threads: flags.threads ?? config.threads ?? availableParallelism(),
    createdAt: now().toISOString(),
  };
  return { record, variables: device === 'cpu' ? {} : (found?.variables ?? {}) };
}
