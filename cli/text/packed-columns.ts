// Jobs of a pool as a table: how each is, and why it waits or failed.
import type { PackedJobStatus } from '../../crds/api/training-pool.ts';
import type { Column } from '../terminal/columns.ts';
import type { Paint } from '../terminal/palette.ts';
import { styleOfPacked } from './pool-style.ts';

export function packedColumns(paint: Paint): readonly Column<PackedJobStatus>[] {
  return [
    { head: 'JOB', rank: 0, cell: ({ name }) => name },
    {
      head: 'STATE',
      rank: 1,
      cell: (job) => `${styleOfPacked(job).glyph} ${job.state}`,
      paint: (job, text) => paint(text, styleOfPacked(job)),
    },
    {
      head: 'WHY',
      rank: 2,
      cell: ({ code, message = '' }) => (code === undefined ? message : `${code}: ${message}`),
    },
  ];
}
