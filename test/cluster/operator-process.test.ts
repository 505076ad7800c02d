// The operator as a process: what it costs, what happens when it dies, and when two of it run.
import { aJobIn } from './a-job.ts';
import { installCrd } from './access.ts';
import { test } from './our-cluster.ts';
import { startOperator } from './running-operator.ts';
import { loadToyImage } from './toy-image.ts';

test.before(async () => {
  await installCrd();
  await loadToyImage();
});

test('an untroubled job costs at most twenty writes', async (t) => {
  const job = await aJobIn(t);
  const operator = await startOperator(t, job.namespace);
  await job.apply();
  await job.untilPhase('Succeeded');
  const isOurs = ({ reportingController }: { readonly [key: string]: unknown }) =>
    reportingController === 'anneal.dev/operator';
  const told = async () => (await job.list('events')).filter(isOurs);
  await job.until('its end is told', async () =>
    (await told()).some((event) => event['reason'] === 'Finished'),
  );
  const page = await (await fetch(`http://127.0.0.1:${operator.port}/metrics`)).text();
  const count = (method: string) => {
    const line = new RegExp(
      `rest_client_requests_total\\{method="${method}",code="2..".*?\\} (\\d+)`,
      'g',
    );
    return [...page.matchAll(line)].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  // POST also counts the lease's creation; its renewals are PUT.
  const writes = count('POST') + count('PATCH') + count('DELETE');
  t.log(`${writes} writes, ${(await told()).length} of them events`);
  t.true(writes > 5 && writes <= 20, `${writes} writes`);
});

test('an operator that is killed is followed by another, which goes on where it was', async (t) => {
  const job = await aJobIn(t, { supervise: { seconds: 20 } });
  const first = await startOperator(t, job.namespace);
  await job.apply();
  await job.until('workers are there', async () => (await job.names('jobs')).includes('first-w1'));
  await first.kill();
  await startOperator(t, job.namespace);
  await job.untilPhase('Succeeded');
  t.deepEqual(await job.names('jobs'), ['first-init-1', 'first-publish-1', 'first-w1']);
  t.is((await job.status()).workerRevision, 1);
});

test('of two replicas one works, and the other takes over at once when it is told to stop', async (t) => {
  const job = await aJobIn(t);
  const first = await startOperator(t, job.namespace);
  const second = await startOperator(t, job.namespace);
  t.regex(first.log(), /this replica leads/);
  t.notRegex(second.log(), /this replica leads/);
  await first.stop();
  t.regex(first.log(), /the lease was given back/);
  await job.apply();
  await job.untilPhase('Succeeded');
  t.regex(second.log(), /this replica leads/);
});
