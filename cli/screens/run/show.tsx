// Shows a run on a terminal: one live region below earlier output, not a full screen, so that
// scrolling back keeps working. At the end the last frame stays and the summary follows.
import { render } from 'ink';
import type { RunRecord } from '../../../crds/wire/run-folder.ts';
import { emptyRun, see } from '../../jobs/run-state.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import type { Colors } from '../../terminal/palette.ts';
import { summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';
import { RunScreen } from './screen.tsx';

export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  readonly now: () => Date;
  /** Aborted by the first Ctrl-C. */
  readonly stop: AbortSignal;
  /** Render only for new data. */
  readonly still: boolean;
  /** How the user starts the command. */
  readonly command: string;
}

/** Elapsed time is shown without messages too. */
const tickMs = 1000;

export function runScreen(terminal: Terminal): RunView {
  const { stdout, glyphs, color, now, stop, still, command } = terminal;
  let state = emptyRun;
  const picture = ({ name, spec }: RunRecord) => (
    <RunScreen
      name={name}
      spec={spec}
      state={state}
      columns={Math.max(20, stdout.columns ?? 80)}
      glyphs={glyphs}
      color={color}
      now={now().getTime() / 1000}
      stopping={stop.aborted}
      still={still}
    />
  );
  let live: ReturnType<typeof render> | undefined;
  let tick: NodeJS.Timeout | undefined;
  let draw = (): void => {};
  return {
    begin({ record, folder }, continued) {
      stdout.write(`${glyphs.text(continued ? 'resuming' : 'new run')} ${folder}\n`);
      // No keys are read, so that Ctrl-C stays a signal.
      const options = { stdout, exitOnCtrlC: false, patchConsole: false, maxFps: 10 };
      live = render(picture(record), options);
      draw = () => live?.rerender(picture(record));
      if (!still) tick = setInterval(draw, tickMs);
      stop.addEventListener('abort', draw, { once: true });
    },
    see(message) {
      state = see(state, message);
      draw();
    },
    async end(ended) {
      clearInterval(tick);
      stop.removeEventListener('abort', draw);
      draw();
      await live?.waitUntilRenderFlush();
      live?.unmount();
      const width = Math.min(100, Math.max(40, stdout.columns ?? 80));
      for (const line of summaryLines(ended, width, command)) {
        stdout.write(`${glyphs.text(line)}\n`);
      }
    },
  };
}
