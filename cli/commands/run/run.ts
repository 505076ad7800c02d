// `anneal run` with signals and a view: the first Ctrl-C saves and stops, the second ends at once.
import { join, resolve } from 'node:path';
import type { AnnealError } from '../../../crds/index.ts';
import { errorOf } from '../../client/local-role.ts';
import type { LocalOutcome } from '../../client/local-run.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { findDevices } from '../../devices/find-devices.ts';
import { now } from '../../process/clock.ts';
import type { CliConfig } from '../../process/config.ts';
import type { DisplayFlags } from '../../process/flags.ts';
import { thisMachine } from '../../setup/machine.ts';
import { glyphSet } from '../../terminal/glyphs.ts';
import { colorsOf } from '../../terminal/output.ts';
import { runSummary } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';
import { runJson } from './json.ts';
import { namedLines } from './named-lines.ts';
import type { RunContext, RunOptions } from './plan-run.ts';
import { runCommand } from './run-on-machine.ts';
import { runSentences } from './sentences.ts';
import { runLines } from './text.ts';

const checkout = join(import.meta.dirname, '../../..');

type TerminalOptions = Omit<RunOptions, 'file'> & { readonly files: readonly string[] };

export async function runFromTerminal(
  { files, ...options }: TerminalOptions,
  flags: DisplayFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const signals = stopSignals();
  const { stop, kill } = signals;
  const [file = '', ...others] = files;
  const alone = others.length === 0 ? await viewOf(flags, config, stop) : undefined;
  const onSignal = (): void => {
    const isFirst = signals.press(now());
    if (isFirst && alone?.live !== true)
      process.stderr.write('saving and stopping; press again to end at once\n');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const volumes = Object.fromEntries(
    Object.entries(options.volumes).map(([name, folder]) => [name, resolve(folder)]),
  );
  const asked = { ...options, volumes };
  const context: RunContext = {
    ...{ config, worker, now, stop, kill },
    findDevices: () => findDevices(thisMachine(), checkout),
    warn: (sentence) => void process.stderr.write(`${sentence}\n`),
  };
  if (alone !== undefined) {
    return codeOf(await runCommand({ ...asked, file }, { ...context, view: alone.view }));
  }
  const { runTogether } = await import('./run-together.ts');
  const viewOfJob = await viewsOf(flags, config);
  const ended = await runTogether({ ...asked, files }, { ...context, viewOf: viewOfJob });
  const failed = ended.flatMap(({ job, outcome }) =>
    outcome.type === 'Failed' ? [ofJob(job, outcome.error)] : [],
  );
  const [first, ...further] = failed;
  for (const { message } of further) context.warn(message);
  if (first !== undefined) throw first;
  const stopped = ended.some(({ outcome }) => outcome.type === 'Stopped');
  return codeOf({ type: stopped ? 'Stopped' : 'Complete' });
}

function ofJob(job: string, { code, message, hint }: AnnealError): AnnealError {
  return errorOf({ code, message: `${job}: ${message}`, hint });
}

function codeOf(outcome: LocalOutcome): number {
  if (outcome.type === 'Complete') return 0;
  if (outcome.type === 'Stopped') return 130;
  throw outcome.error;
}

interface ChosenView {
  readonly view: RunView;
  /** The view itself shows that the run is stopping. */
  readonly live: boolean;
}

async function viewOf(
  flags: DisplayFlags,
  config: CliConfig,
  stop: AbortSignal,
): Promise<ChosenView> {
  const { stdout } = process;
  const { command } = config;
  const glyphs = glyphSet({ ...config, ...(flags.glyphs ? { glyphs: flags.glyphs } : {}) });
  const write = (line: string): void => void stdout.write(`${glyphs.text(line)}\n`);
  const writeRaw = (line: string): void => void stdout.write(`${line}\n`);
  const asked = flags.display ?? config.display;
  const quiet = (view: RunView): ChosenView => ({ view, live: false });
  if (asked === 'json') return quiet(runJson(writeRaw));
  if (asked === 'quiet') return quiet(runSummary(write, command));
  if (flags.accessible || config.accessible) return quiet(runSentences(write, command));
  const able = stdout.isTTY && !config.dumbTerminal;
  if (asked === 'plain' || (asked === 'auto' && !able)) return quiet(runLines(write, command));
  // Node.js strips types but does not compile JSX.
  await import('../../dev/tsx-hook.ts');
  const { fewestRows } = await import('../../screens/run/screen.tsx');
  if (asked === 'auto' && stdout.rows < fewestRows) return quiet(runLines(write, command));
  const { runScreen } = await import('../../screens/run/show.tsx');
  const color = colorsOf(config, flags);
  const still = flags.motion === false || !config.motion;
  return { view: runScreen({ stdout, glyphs, color, now, stop, still, command }), live: true };
}

/** Of several jobs: lines with the name of the job in front, or what `--display` asks for. */
async function viewsOf(
  flags: DisplayFlags,
  config: CliConfig,
): Promise<(job: string, width: number) => RunView> {
  const { stdout } = process;
  const { command } = config;
  const glyphs = glyphSet({ ...config, ...(flags.glyphs ? { glyphs: flags.glyphs } : {}) });
  const write = (line: string): void => void stdout.write(`${glyphs.text(line)}\n`);
  const asked = flags.display ?? config.display;
  if (asked === 'json') return () => runJson((line) => void stdout.write(`${line}\n`));
  if (asked === 'quiet') return () => runSummary(write, command);
  const isSpoken = flags.accessible || config.accessible;
  return (job, width) =>
    isSpoken
      ? runSentences((line) => write(`${job}: ${line}`), command)
      : namedLines({ job, width, write, command });
}
