// npm run simulate -- [--of workers|pool|operator|…] [--schedules N] [--seed N]: draws so many
// schedules of what may happen to a job, or to a pool, others at each run, and says how the jobs
// ended and what did not hold. The tests draw a few, always the same.
import { parseArgs } from 'node:util';
import { attempt } from '../../../cli/setup/attempt.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import * as workers from './events.ts';
import { runMany } from './many.ts';
import { jobKinds, operatorEnds } from './operator-ends.ts';
import { poolEnds } from './pool/ends.ts';
import * as pools from './pool/events.ts';
import { survives } from './scene.ts';
import * as operator from './schedule.ts';

const tell = (line: string) => console.log(line);

await attempt(async ({ signal }) => {
  const { values } = parseArgs({
    options: {
      of: { type: 'string', default: 'workers' },
      schedules: { type: 'string', default: '10000' },
      seed: { type: 'string', default: String((Date.now() % 1e9) + 1) },
    },
  });
  const asked = { schedules: Number(values.schedules), seed: Number(values.seed), signal, tell };
  const { schedules, ends, violations } = await chosen(values.of)(asked);
  tell(`seed ${values.seed}, ${schedules} schedules`);
  for (const [end, count] of ends) tell(`${count} jobs ended as ${end}`);
  for (const [kind, count] of violations) tell(`${count} violations: ${kind}`);
  return violations.size === 0 ? 0 : 1;
});

function chosen(of: string) {
  type Asked = Parameters<typeof runMany>[1];
  if (of === 'workers') {
    const { simulationEvents: events, budget: given } = workers;
    const end = async (...drawn: Parameters<typeof survives>) => (await survives(...drawn)).end;
    return (asked: Asked) => runMany({ events, given, end }, asked);
  }
  if (of === 'pool') {
    const ended = async (...drawn: Parameters<typeof poolEnds>) =>
      (await poolEnds(...drawn)).toSorted().join(', ') || 'no job';
    return (asked: Asked) =>
      runMany({ events: pools.poolSchedule, given: pools.poolGiven, end: ended }, asked);
  }
  const kind = jobKinds.find((each) => each === of);
  if (kind === undefined) {
    const message = `--of is ${of}; it may be workers, pool, ${jobKinds.join(', ')}`;
    throw new UserError({ code: 'E_USAGE', message });
  }
  const { schedule: events, beginning: given } = operator;
  return (asked: Asked) => runMany({ events, given, end: operatorEnds(kind) }, asked);
}
