// `anneal checkpoints` as a table.
import type { Checkpoint } from '../../jobs/checkpoints.ts';
import { columnsOf, shortened } from '../../terminal/columns.ts';
import { bytes } from '../../terminal/numbers.ts';

/** Width of the columns before the locations. */
const locationColumn = 66;

export function checkpointsText(
  found: readonly Checkpoint[],
  columns = Number.POSITIVE_INFINITY,
): string {
  // The end of a location identifies it; JSON has all of it.
  const room = Math.max(20, columns - locationColumn);
  const lines = columnsOf(
    found,
    [
      { head: 'STEP', rank: 0, right: true, cell: ({ step }) => String(step) },
      {
        head: 'HELD OUT',
        rank: 2,
        right: true,
        cell: ({ evalLoss }) => evalLoss?.toFixed(4) ?? '–',
      },
      {
        head: '',
        rank: 1,
        cell: ({ best, newest }) =>
          [...(newest ? ['newest'] : []), ...(best ? ['best'] : [])].join(', '),
      },
      {
        head: 'SIZE',
        rank: 3,
        right: true,
        cell: (one) => (one.bytes === undefined ? '–' : bytes(one.bytes)),
      },
      { head: 'WRITTEN', rank: 4, cell: ({ time }) => time?.replace(/\.\d+Z$/, 'Z') ?? '–' },
      { head: 'LOCATION', rank: 5, cell: ({ location }) => shortened(location, room) },
    ],
    Number.POSITIVE_INFINITY,
  );
  return `${lines.join('\n')}\n`;
}
