// `anneal run` with signals and a view: the first Ctrl-C saves and stops, the second ends at once.
import { join, resolve } from 'node:path';
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
import { type RunOptions, runCommand } from './run-on-machine.ts';
import { runSentences } from './sentences.ts';
import { runLines } from './text.ts';

const checkout = join(import.meta.dirname, '../../..');

export async function runFromTerminal(
  options: RunOptions,
  flags: DisplayFlags,
  config: CliConfig,
  worker = join(checkout, 'worker/main.ts'),
): Promise<number> {
  const signals = stopSignals();
  const { stop, kill } = signals;
  const view = await viewOf(flags, config, stop);
  const onSignal = (): void => {
    const isFirst = signals.press(now());
    if (isFirst && !view.live)
      process.stderr.write('saving and stopping; press again to end at once\n');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const volumes = Object.fromEntries(
    Object.entries(options.volumes).map(([name, folder]) => [name, resolve(folder)]),
  );
  const outcome = await runCommand(
    { ...options, volumes },
    {
      config,
      worker,
      view: view.view,
      now,
      stop,
      kill,
      findDevices: () => findDevices(thisMachine(), checkout),
      warn: (sentence) => void process.stderr.write(`${sentence}\n`),
    },
  );
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
