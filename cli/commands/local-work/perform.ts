// Work of this machine that has a folder of its own, such as a federation: from its first line to
// its last, through the signals that stop it.
import type { LocalOutcome } from '../../client/local-run.ts';
import type { Stored } from '../../client/numbered-store.ts';
import { writeOutcome } from '../../client/outcome.ts';
import { stopSignals } from '../../client/stop-signals.ts';
import { now } from '../../process/clock.ts';

export interface WorkView {
  begin(continued: boolean): void;
  warn(sentence: string): void;
  end(state: LocalOutcome['type']): void;
}

interface Chosen {
  readonly stored: Stored<object>;
  readonly continued: boolean;
}

/** The first signal saves and stops, the second ends at once. Returns the exit code, or throws. */
export async function perform(
  { stored, continued }: Chosen,
  view: WorkView,
  act: (signals: {
    readonly stop: AbortSignal;
    readonly kill: AbortSignal;
  }) => Promise<LocalOutcome>,
): Promise<number> {
  view.begin(continued);
  const signals = stopSignals();
  const onSignal = (): void => {
    if (signals.press(now())) view.warn('saving and stopping; press again to end at once');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const outcome = await act(signals);
  await writeOutcome(stored.folder, outcome, now());
  view.end(outcome.type);
  if (outcome.type === 'Failed') throw outcome.error;
  return outcome.type === 'Complete' ? 0 : 130;
}

/** Pure. */
export function lastLine(name: string, state: LocalOutcome['type']): string {
  if (state === 'Complete') return `✓ ${name} done`;
  if (state === 'Stopped') return `‖ ${name} stopped; the same command goes on`;
  return `✗ ${name} failed`;
}

/** The first and the last line of such work as JSON, and what it warns of between. */
export function jsonEnds(
  say: (content: object) => void,
  { record, folder }: Stored<{ readonly name: string }>,
): WorkView {
  const { name } = record;
  return {
    begin: (continued) =>
      say({ type: 'begin', apiVersion: 'cli.anneal.dev/v1', name, folder, continued }),
    warn: (message) => say({ type: 'warning', message }),
    end: (state) => say({ type: 'outcome', state, folder }),
  };
}
