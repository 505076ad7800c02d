// Federations, pools and servers while `anneal list --watch` runs: their tables at first, then a
// line for each change.
import { isDeepStrictEqual } from 'node:util';
import {
  allBeside,
  type BesideJob,
  type BesideJobs,
  besideJobs,
  besideKey,
  besideList,
  nothingBeside,
} from '../../jobs/beside.ts';
import { besideSummary } from '../../jobs/beside-summary.ts';
import { tellUnread } from '../../jobs/unread.ts';
import type { Output } from '../../terminal/output.ts';
import { partyColumns } from '../../text/party-columns.ts';
import { poolColumns } from '../../text/pool-columns.ts';
import { serverColumns } from '../../text/server-columns.ts';
import { type RowStyle, rowsText } from './rows.ts';

/** Tells what is new since the last call. */
export function besideTeller(
  style: () => RowStyle,
  asJson: boolean,
  { write, talk }: Pick<Output, 'write' | 'talk'>,
): (after: BesideJobs) => void {
  let before = nothingBeside;
  return (after) => {
    const changed = changedOf(before, after);
    const gone = goneOf(before, after);
    const isNew = {
      parties: before.parties.length === 0 && after.parties.length > 0,
      pools: before.pools.length === 0 && after.pools.length > 0,
      servers: before.servers.length === 0 && after.servers.length > 0,
    };
    before = after;
    if (asJson) {
      const { federations, pools, servers } = besideSummary(changed);
      for (const one of [...federations, ...pools, ...servers]) write(`${JSON.stringify(one)}\n`);
      for (const { kind, namespace, name } of gone) {
        write(`${JSON.stringify({ kind, namespace, name, deleted: true })}\n`);
      }
      return;
    }
    const now = style();
    const { parties, pools, servers } = after;
    write(rowsText(parties, partyColumns(now), among(changed.parties), isNew.parties, now));
    write(rowsText(pools, poolColumns(now), among(changed.pools), isNew.pools, now));
    write(rowsText(servers, serverColumns(now), among(changed.servers), isNew.servers, now));
    for (const { name } of gone) talk(`${name} deleted\n`);
    tellUnread(
      allBeside(changed).filter((one) => isNew[besideList(one)]),
      talk,
    );
  };
}

function among(some: readonly BesideJob[]): (one: BesideJob) => boolean {
  const keys = new Set(some.map(besideKey));
  return (one) => keys.has(besideKey(one));
}

function changedOf(before: BesideJobs, after: BesideJobs): BesideJobs {
  const known = byKey(before);
  const isChanged = (one: BesideJob) => !isDeepStrictEqual(known.get(besideKey(one)), one);
  return besideJobs(allBeside(after).filter(isChanged));
}

function goneOf(before: BesideJobs, after: BesideJobs): readonly BesideJob[] {
  const known = byKey(after);
  return [...byKey(before)].flatMap(([key, one]) => (known.has(key) ? [] : [one]));
}

function byKey(beside: BesideJobs): ReadonlyMap<string, BesideJob> {
  return new Map(allBeside(beside).map((one) => [besideKey(one), one]));
}
