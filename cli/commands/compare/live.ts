// `anneal compare A B --live`: the comparison on a screen while the jobs run; the last one stays on
// the normal screen.
import { failureOf, UserError } from '../../../crds/index.ts';
import { findJob } from '../../jobs/find.ts';
import { openSource } from '../../jobs/open-source.ts';
import { compareJobs, type Equal } from '../../metrics/comparison.ts';
import type { MetricName } from '../../metrics/history.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import type { Colors } from '../../terminal/palette.ts';
import { fewestRows } from '../../terminal/window.ts';
import { compareText } from './text.ts';

interface CompareDisplay {
  readonly color: Colors;
  readonly at: Equal;
  readonly metric: MetricName;
}

export async function compareLive(
  words: readonly string[],
  { color, at, metric }: CompareDisplay,
  { flags, config, output, signal }: Viewing,
): Promise<number> {
  const able = output.isTerminal && process.stdin.isTTY === true && !config.dumbTerminal;
  if (!able || (process.stdout.rows ?? 24) < fewestRows) {
    throw new UserError({
      code: 'E_USAGE',
      message: `--live draws a screen; it needs a terminal of ${fewestRows} rows or more`,
      hint: 'without --live the comparison is printed once',
    });
  }
  await using sources = new AsyncDisposableStack();
  const followed = [];
  for (const word of words) {
    const local = word.startsWith('local/');
    const source = sources.use(await openSource(local ? { ...flags, local: true } : flags, config));
    const name = local ? word.slice('local/'.length) : word;
    followed.push({ source, job: findJob(await source.list(signal), name, source.location) });
  }
  await import('../../dev/tsx-hook.ts');
  const { LiveHistories } = await import('../../screens/compare/live-histories.ts');
  const { showCompare } = await import('../../screens/compare/show.tsx');
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const histories = new LiveHistories(followed, now, both);
  let interrupted = false;
  await showCompare(
    {
      ...{ histories, now, color, glyphs: output.glyphs, equal: at, metric },
      interrupted() {
        interrupted = true;
      },
    },
    both,
  );
  const { all } = histories;
  stop.abort();
  const width = Math.min(120, output.columns ?? 80);
  const style = { width, glyphs: output.glyphs, paint: output.paint, metric };
  output.write(compareText(compareJobs(all, at), all, style));
  return interrupted ? failureOf('E_INTERRUPTED').cliExit : 0;
}
