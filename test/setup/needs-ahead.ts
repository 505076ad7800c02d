/**
 * needs-ahead.ts NEED…: makes what later groups need while earlier ones run, which leave a core
 * idle half of the time. What cannot be made is not told here: the group that needs it finds out,
 * and says why.
 */
import { constants, setPriority } from 'node:os';
import { thisSetup } from '../../cli/setup/setup.ts';
import { isNeed, meetNeeds } from './needs.ts';

// All that it starts gives way to the tests.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const setup = thisSetup(stop.signal);
for (const need of process.argv.slice(2).filter(isNeed)) {
  if (stop.signal.aborted) break;
  await meetNeeds(setup, [need]).catch(() => {});
}
