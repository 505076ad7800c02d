// Opens the comparison on the alternate buffer; resolves when the user quits or the signal is
// aborted.
import { useApp, useInput, useWindowSize } from 'ink';
import type { ReactNode } from 'react';
import { showFullScreen } from '../../components/full-screen.ts';
import type { Equal } from '../../metrics/comparison.ts';
import type { MetricName } from '../../metrics/history.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import type { Colors } from '../../terminal/palette.ts';
import { LiveComparison } from './live-comparison.tsx';
import type { LiveHistories } from './live-histories.ts';

interface CompareFacts {
  readonly histories: LiveHistories;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  readonly equal: Equal;
  readonly metric: MetricName;
  readonly now: () => Date;
  /** Ctrl-C, as opposed to quitting by a key. */
  readonly interrupted: () => void;
}

export async function showCompare(facts: CompareFacts, signal: AbortSignal): Promise<void> {
  await showFullScreen(<App {...facts} />, signal);
}

function App({ histories, glyphs, color, now, interrupted, ...asked }: CompareFacts): ReactNode {
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    const isInterrupt = key.ctrl && input === 'c';
    if (isInterrupt) interrupted();
    if (isInterrupt || input === 'q' || key.escape) exit();
  });
  const display = {
    ...{ columns: Math.max(20, columns), rows: Math.max(8, rows), glyphs, color },
    now: now().getTime() / 1000,
  };
  return <LiveComparison histories={histories} display={display} {...asked} />;
}
