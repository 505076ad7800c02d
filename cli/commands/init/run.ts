// `anneal init`: the wizard on a terminal where flags are missing; otherwise flags alone.
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { failureOf, toAnnealError, UserError } from '../../../crds/index.ts';
import { describeModelOf } from '../../client/describe-model.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { type ClusterDevices, deviceOptions, givenDevice } from '../../init/devices.ts';
import { type Describe, Estimator } from '../../init/estimator.ts';
import { initText, writeNew } from '../../init/job-file.ts';
import { type Answers, manifestText, type Preference } from '../../init/manifest-text.ts';
import type { Found, Goal } from '../../init/questions.ts';
import { sourcesHere } from '../../init/sources-here.ts';
import { startWizard } from '../../init/wizard.ts';
import { knowsCluster } from '../../jobs/open-source.ts';
import type { CliConfig } from '../../process/config.ts';
import type { Viewing } from '../../process/context.ts';
import type { Theme } from '../../process/flags.ts';
import type { SourceFlags } from '../../process/source-flags.ts';
import { thisMachine } from '../../setup/machine.ts';
import { colorsOf } from '../../terminal/output.ts';

export interface InitFlags {
  readonly goal?: Goal;
  readonly model?: string;
  readonly data?: string;
  readonly gpuMemory?: number;
  readonly prefer?: Preference;
  readonly file: string;
  readonly output?: 'yaml';
  readonly accessible?: boolean;
  readonly color?: boolean;
  readonly theme?: Theme;
}

export async function initFromTerminal(flags: InitFlags, viewing: Viewing): Promise<number> {
  const { model, data, goal = 'chat', gpuMemory, prefer = 'speed', file, output } = flags;
  if (model === undefined || data === undefined) {
    if (canAsk(viewing)) return wizard(flags, viewing);
    throw missing(model === undefined ? '--model' : '--data');
  }
  const text = initText({ goal, model, data, gpuMemory, prefer });
  if (output === 'yaml') viewing.output.write(text);
  else {
    await writeNew(file, text);
    viewing.output.talk(`wrote ${file}\nnext: ${viewing.config.command} estimate ${file}\n`);
  }
  return 0;
}

function canAsk({ output, config }: Viewing): boolean {
  return output.isTerminal && process.stdin.isTTY === true && config.display !== 'plain';
}

function missing(flag: string): UserError {
  return new UserError({
    code: 'E_USAGE',
    message: `anneal init needs ${flag}; it is not given`,
    hint: 'see anneal init --help; on a terminal anneal init asks for missing values',
  });
}

async function wizard(flags: InitFlags, viewing: Viewing): Promise<number> {
  const { config, output, signal } = viewing;
  const checkout = join(import.meta.dirname, '../../..');
  const devices = await findDevices(thisMachine(), checkout);
  const machine = { freeBytes: freemem(), cores: availableParallelism(), devices };
  const here = await sourcesHere(process.cwd(), config.cache);
  const foundWith = (cluster: ClusterDevices | null): Found => ({
    ...here,
    devices: deviceOptions(cluster, machine, flags.gpuMemory),
  });
  using estimator = new Estimator(describer(config, signal));
  const cluster = devicesOf(viewing.flags, config, signal).then((devices) => ({
    found: foundWith(devices),
    words: clusterWords(devices),
  }));
  const { model, data, goal, prefer, gpuMemory, file } = flags;
  let printed = '';
  const device = gpuMemory === undefined ? undefined : givenDevice;
  const facts = {
    start: startWizard({ goal, model, data, device, prefer }, file),
    found: foundWith(null),
    ...{ cluster, estimator, glyphs: output.glyphs },
    color: colorsOf(config, flags),
    async write(name: string, text: string) {
      if (flags.output === 'yaml') printed = text;
      else await writeNew(name, text);
    },
  };
  const ended = await ask(facts, flags, viewing);
  if (ended.type === 'Left') {
    output.talk('nothing was written\n');
    return failureOf('E_INTERRUPTED').cliExit;
  }
  const { command } = config;
  if (flags.output === 'yaml') output.write(printed);
  else output.talk(`wrote ${ended.file}\nnext: ${command} estimate ${ended.file}\n`);
  return 0;
}

type Facts = Parameters<typeof import('../../screens/init/show.tsx').showWizard>[0];

async function ask(facts: Facts, { accessible }: InitFlags, { config, signal, output }: Viewing) {
  const { fewestRows } = await import('../../terminal/window.ts');
  const plain = accessible === true || config.accessible || config.dumbTerminal;
  if (plain || (process.stdout.rows ?? 24) < fewestRows) {
    const { askInLines } = await import('../../screens/init/lines.ts');
    return askInLines(facts, output.write, signal);
  }
  await import('../../dev/tsx-hook.ts');
  const { showWizard } = await import('../../screens/init/show.tsx');
  return showWizard(facts, signal);
}

/** The GPUs of the cluster; null where no cluster is known. */
async function devicesOf(
  flags: SourceFlags,
  config: CliConfig,
  signal: AbortSignal,
): Promise<ClusterDevices | null> {
  if (!knowsCluster(flags, config)) return null;
  try {
    const { openCluster } = await import('../../jobs/cluster-source.ts');
    const { listAll } = await import('../../client/kube-watch.ts');
    await using source = await openCluster(flags, config);
    const { objects } = await listAll(source.kube, { path: '/api/v1/nodes' }, signal);
    return { type: 'Nodes', cluster: source.location.split('/')[0] ?? '', nodes: objects };
  } catch (thrown) {
    return { type: 'Unknown', why: toAnnealError(thrown).message };
  }
}

function clusterWords(devices: ClusterDevices | null): string {
  if (devices === null) return 'There is no kubeconfig, so no cluster was asked for its GPUs.';
  if (devices.type === 'Unknown') return `The GPUs of the cluster are unknown: ${devices.why}.`;
  return `The GPUs are those of the cluster ${devices.cluster}.`;
}

/** A hub that does not answer must not keep the progress bar forever. */
const describeMs = 60_000;

function describer(config: CliConfig, outer: AbortSignal): Describe {
  return async (answers: Answers, signal) => {
    const { parseJob } = await import('../../../crds/manifest/manifest.ts');
    const { job } = parseJob(manifestText(answers), 'job');
    const limit = AbortSignal.timeout(describeMs);
    const any = AbortSignal.any([outer, signal, limit]);
    const location = { folder: process.cwd(), cache: config.cache };
    return describeModelOf(job.spec, location, any);
  };
}
