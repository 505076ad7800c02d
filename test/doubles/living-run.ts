// A run of this machine in progress, as far as others can see: `living-run.ts CACHE`. It owns the
// run as `anneal run` does, and says what its standard input tells it to: `say N` the first N
// messages of a run of a thousand steps, `end` or `fail` the outcome.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { lockRun } from '../../cli/client/run-lock.ts';
import type { Telemetry } from '../../crds/wire/telemetry.ts';
import { messagesOfARun } from '../builders/run-messages.ts';
import { aRunRecord, storedRun } from '../builders/stored-run.ts';

const [cache = '', steps = '1000'] = process.argv.slice(2);
const all = messagesOfARun(Number(steps));
const folder = await storedRun(cache, { messages: [], outcome: null });
using _lock = lockRun({ folder, number: 1, record: aRunRecord(cache), outcome: null });
let said = 0;
process.stdout.write('running\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, count] = line.split(' ');
  if (verb === 'say') {
    const until = Math.min(all.length, Number(count));
    const lines = all
      .slice(said, until)
      .map((message: Telemetry) => `${JSON.stringify(message)}\n`);
    appendFileSync(join(folder, 'telemetry.jsonl'), lines.join(''));
    said = until;
    continue;
  }
  const failed = { state: 'Failed', code: 'E_DIVERGED', message: 'the loss was not finite' };
  const outcome = verb === 'fail' ? failed : { state: 'Complete' };
  const endedAt = '2026-01-01T00:10:00.000Z';
  writeFileSync(join(folder, 'outcome.json'), JSON.stringify({ version: 1, ...outcome, endedAt }));
  break;
}
process.exit(0);
