import { availableParallelism, freemem } from 'node:os';
import { join, resolve } from 'node:path';
import { failureOf, UserError } from '../../../crds/index.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { describeModel } from '../../client/describe-model.ts';
import { readText } from '../../client/read-job.ts';
import { reportsOf } from '../../client/run-store.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { gpusHere } from '../../estimate/devices.ts';
import { type EstimateContext, estimate } from '../../estimate/estimate.ts';
import { estimateServer, isServer } from '../../estimate/server.ts';
import { estimateTogether } from '../../estimate/together.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import type { Surroundings } from '../../process/context.ts';
import type { Assignment, OutputFormat } from '../../process/flags.ts';
import { planServer } from '../../serve/plan-server.ts';
import { planText } from '../../serve/plan-text.ts';
import { thisMachine } from '../../setup/machine.ts';
import { glyphSet } from '../../terminal/glyphs.ts';
import { jsonOf } from '../../terminal/json.ts';
import { estimateText } from './text.ts';
import { togetherText } from './together-text.ts';

export interface EstimateFlags {
  readonly gpuMemory?: number;
  readonly workers?: number;
  readonly whatIf?: readonly (readonly Assignment[])[];
  readonly volume?: Readonly<Record<string, string>>;
  readonly output: OutputFormat;
}

/** `anneal estimate` on this machine; the exit code says whether the job fits, or the jobs. */
export async function estimateFromTerminal(
  [file = '', ...others]: readonly string[],
  flags: EstimateFlags,
  config: CliConfig,
  { out, err }: Pick<Surroundings, 'out' | 'err'>,
): Promise<number> {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const { gpuMemory, workers, whatIf = [], volume = {}, output } = flags;
  const volumes = Object.fromEntries(
    Object.entries(volume).map(([name, folder]) => [name, resolve(folder)]),
  );
  const warn = (message: string): void => err(`${sanitize(message)}\n`);
  const checkout = join(import.meta.dirname, '../../..');
  const worker = join(checkout, 'worker/main.ts');
  const context: EstimateContext = {
    cache: config.cache,
    freeBytes: freemem(),
    cores: availableParallelism(),
    gpus: async () => gpusHere(await findDevices(thisMachine(), checkout)),
    now,
    reports: (job) => reportsOf(config.cache, job),
    describe: (record) => describeModel(record, worker, warn, interrupted.signal),
  };
  const tell = (json: string, text: string, fits: boolean): number => {
    out(output === 'json' ? json : glyphSet(config).text(text));
    return fits ? 0 : failureOf('E_DOES_NOT_FIT').cliExit;
  };
  const options = { gpuMemory, workers, volumes };
  const text = await readText(file);
  if (isServer(text) && others.length === 0) {
    requireNoJobFlags(flags);
    const found = await estimateServer(text, file, options, {
      cache: config.cache,
      plan: (settings) => planServer(settings, { worker, variables: {}, warn }),
    });
    const { plan, uncounted } = found;
    return tell(jsonOf('ServerEstimate', found), planText(plan, uncounted), plan.fits);
  }
  if (others.length === 0) {
    const found = await estimate({ ...options, file, whatIf }, context);
    return tell(jsonOf('Estimate', found), estimateText(found), found.fits);
  }
  if (whatIf.length > 0) {
    throw new UserError({
      code: 'E_USAGE',
      message: `--what-if changes one job, and ${others.length + 1} job files were given`,
      hint: 'estimate one of them at a time with it',
    });
  }
  const found = await estimateTogether([file, ...others], options, context);
  return tell(jsonOf('TogetherEstimate', found), togetherText(found), found.fits);
}

/** A server has no workers that share it, and changes are those of a job. */
function requireNoJobFlags({ workers, whatIf = [] }: EstimateFlags): void {
  const flag = workers !== undefined ? '--workers' : whatIf.length > 0 ? '--what-if' : undefined;
  if (flag === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${flag} is about a job, and the file has an AdapterServer`,
    hint: 'leave it out',
  });
}
