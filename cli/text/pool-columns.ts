// Pools of training jobs as a table, below that of the jobs.
import { modelOf } from '../jobs/job.ts';
import { packedOf, placesOf, poolCondition, poolState } from '../jobs/pool-state.ts';
import type { Pool } from '../jobs/pools.ts';
import { ageOf } from '../terminal/age.ts';
import { type Column, none, shortened } from '../terminal/columns.ts';
import type { Paint } from '../terminal/palette.ts';
import { styleOfPool } from './pool-style.ts';

const longestBase = 24;

interface PoolColumns {
  readonly wide: boolean;
  readonly namespaces: boolean;
  readonly now: Date;
  readonly paint: Paint;
}

export function poolColumns({
  wide,
  namespaces,
  now,
  paint,
}: PoolColumns): readonly Column<Pool>[] {
  return [
    ...(namespaces
      ? [{ head: 'NAMESPACE', rank: 2, cell: ({ namespace }: Pool) => namespace }]
      : []),
    { head: 'POOL', rank: 0, cell: ({ name }) => name },
    {
      head: 'STATE',
      rank: 1,
      cell: stateWords,
      paint: (pool, text) => paint(text, styleOfPool(poolState(pool))),
    },
    { head: 'TRAINING', rank: 3, right: true, cell: trainingWords },
    { head: 'PLACES', rank: 6, right: true, cell: (pool) => String(placesOf(pool) ?? none) },
    { head: 'BASE', rank: 4, cell: (pool) => shortened(modelOf(pool), longestBase) },
    { head: 'AGE', rank: 5, right: true, cell: ({ createdAt }) => ageOf(createdAt, now) },
    ...(wide ? [{ head: 'CLAIM', rank: 7, cell: claimOf }] : []),
    { head: 'WHY', rank: 8, cell: reasonOf },
  ];
}

function stateWords(pool: Pool): string {
  const state = poolState(pool);
  const isPartly = pool.unread !== undefined && state !== 'Unreadable';
  return `${styleOfPool(state).glyph} ${[state, ...(isPartly ? ['unreadable'] : [])].join(', ')}`;
}

function trainingWords(pool: Pool): string {
  const packed = packedOf(pool);
  return packed === undefined ? none : `${packed.training}/${packed.total}`;
}

function claimOf({ spec, unread }: Pool): string {
  return unread === undefined ? spec.claimName : none;
}

/** The reason beside a state that is a problem, in one word. */
function reasonOf(pool: Pool): string {
  if (pool.unread !== undefined) return 'NotReadable';
  const state = poolState(pool);
  if (state === 'Refused') return poolCondition(pool, 'Accepted')?.reason ?? '';
  if (state === 'Failing') return poolCondition(pool, 'Ready')?.reason ?? '';
  return (packedOf(pool)?.failed ?? 0) > 0 ? 'JobFailed' : '';
}
