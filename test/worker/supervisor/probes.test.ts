import test from 'ava';
import { Probes } from '../../../worker/supervisor/probes.ts';

const numbers = {
  ...{ step: 7, stepSeconds: 0.5, loss: undefined, tokensPerSecond: 100, checkpointStep: 6 },
  ...{ round: 2, busConnected: true, messagesWaiting: 3, messagesDropped: 4 },
};

test('kubelet and Prometheus get their answers', async (t) => {
  let why: string | undefined;
  await using probes = await Probes.listen({
    port: 0,
    notReady: () => why,
    numbers: () => numbers,
  });
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${probes.port}${path}`);
    return `${response.status} ${await response.text()}`;
  };
  t.is(await ask('/healthz'), '200 ok');
  t.is(await ask('/readyz'), '200 ok');
  why = 'the bus has been away for 901 s';
  t.is(await ask('/readyz'), `503 ${why}`);
  t.is(await ask('/healthz'), '200 ok', 'being unready is no reason to be started anew');
  const metrics = await ask('/metrics');
  t.regex(metrics, /^anneal_worker_step 7$/m);
  t.regex(metrics, /^anneal_worker_bus_connected 1$/m);
  t.regex(metrics, /^anneal_worker_train_loss Nan$/im);
  t.regex(metrics, /^# TYPE anneal_worker_messages_dropped_total counter$/m);
  t.regex(metrics, /^anneal_worker_messages_dropped_total 4$/m);
  const again = await ask('/metrics');
  t.regex(again, /^anneal_worker_messages_dropped_total 4$/m, 'asking counts nothing twice');
  t.regex(await ask('/other'), /^404 /);
});
