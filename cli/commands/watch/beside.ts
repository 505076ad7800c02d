// Follows one server of adapters, one pool or one federation: a screen of its own, or a line for
// each change.
import { failureOf, TerminalError, UserError } from '../../../crds/index.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { allBeside, type BesideJob, besideJobs, besideKey } from '../../jobs/beside.ts';
import { besideSummary } from '../../jobs/beside-summary.ts';
import { type Party, partyPhase } from '../../jobs/parties.ts';
import type { JobSource } from '../../jobs/source.ts';
import { now } from '../../process/clock.ts';
import type { Viewing } from '../../process/context.ts';
import { clockText } from '../../terminal/age.ts';
import { besideFacts, besideState } from '../../text/beside-state.ts';
import type { WatchFlags } from './run.ts';

/** Until it has ended or is deleted, or is in the state of --until; the exit code says which. */
export async function besideLines(
  source: JobSource,
  first: BesideJob,
  flags: WatchFlags,
  { output, config, signal }: Viewing,
): Promise<number> {
  const wanted = flags.until === undefined ? undefined : stateIn(flags.until);
  const display = flags.display ?? config.display;
  const talks = flags.accessible || config.accessible;
  let said = '';
  let last: BesideJob | undefined = first;
  for await (const beside of source.besideChanges(signal)) {
    last = allBeside(beside).find(({ uid }) => uid === first.uid);
    if (last === undefined) break;
    const words = wordsOf(last);
    if (words !== said && display !== 'quiet') {
      if (display === 'json') output.write(`${jsonLine(last)}\n`);
      else if (talks) output.write(`${first.name}: ${words}.\n`);
      else output.write(`${clockText(now().getTime() / 1000)} ${first.name} ${words}\n`);
    }
    said = words;
    const { state } = besideState(last);
    if (hasEnded(last) || state.toLowerCase() === wanted) break;
  }
  return besideEnded(last, first, flags, { output });
}

/** Words that stay on the terminal, and the exit code. */
export function besideEnded(
  last: BesideJob | undefined,
  { name }: BesideJob,
  { display, exitStatus }: WatchFlags,
  { output }: Pick<Viewing, 'output'>,
): number {
  if (last === undefined) {
    if (display !== 'json') output.talk(`${name} was deleted\n`);
    return exitStatus ? failureOf('E_JOB_CANCELLED').cliExit : 0;
  }
  if (!exitStatus || !isParty(last) || last.status.phase !== 'Failed') return 0;
  throw new TerminalError({
    code: 'E_JOB_FAILED',
    message: `${name} failed: ${last.status.failure?.message ?? 'no reason was recorded'}`,
    hint: last.status.failure?.hint ?? 'anneal why says more',
  });
}

/** A server and a pool go on until they are deleted. */
export function hasEnded(one: BesideJob): boolean {
  return isParty(one) && ['Succeeded', 'Failed'].includes(partyPhase(one));
}

function isParty(one: BesideJob): one is Party {
  return one.kind === 'Federation' || one.kind === 'FederationPeer';
}

function wordsOf(one: BesideJob): string {
  return sanitize([besideState(one).state, ...besideFacts(one)].join(' · '));
}

function jsonLine(one: BesideJob): string {
  const { federations, pools, servers } = besideSummary(besideJobs([one]));
  const [summary] = [...federations, ...pools, ...servers];
  return JSON.stringify({ ...summary, key: besideKey(one) });
}

function stateIn(until: string): string {
  if (/^[A-Za-z]+$/.test(until)) return until.toLowerCase();
  throw new UserError({
    code: 'E_USAGE',
    message: `--until is ${JSON.stringify(until)}; of a server, a pool or a federation it must be a state such as Serving, Running or Succeeded`,
  });
}
