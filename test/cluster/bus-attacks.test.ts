// A worker that was taken over, on a real cluster: from inside its own pod, with the token that
// kubelet gave it and the server of the chart, it plays what once worked against the job of another
// namespace. That job trains on, and nothing of it has changed.
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../doubles/eventually.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { annealOn, statusOf, untilItTrains, workerPod } from './a-real-job.ts';
import { aNamespace, getJson, installCrd, kubectl } from './access.ts';
import { installAnneal, loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { aSharedFolder } from './shared-folder.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

/**
 * Runs in the pod. Says for each attempt what the server said, and what came to the pod's own
 * inbox.
 */
const attack = `
const { readFileSync } = require('node:fs');
const { connect, tokenAuthenticator } = require('/app/node_modules/nats');
const [cluster, own, victim, uid] = process.argv.slice(1);
const token = () => readFileSync('/var/run/secrets/anneal.dev/bus-token', 'utf8').trim();
const ca = readFileSync('/etc/anneal/plan/ca.crt', 'utf8');
const inbox = '_INBOX.pod.' + own + '.' + uid;
const options = {
  servers: process.env.ANNEAL_NATS_URL, authenticator: tokenAuthenticator(token),
  inboxPrefix: inbox, tls: { ca }, reconnect: false,
};
const key = (job, name) => '$KV.anneal_state.' + cluster + '.' + job + '.' + name;
const config = {
  name: 'c', ack_policy: 'none', deliver_policy: 'all', filter_subject: key(victim, '>'),
  deliver_subject: inbox + '.all',
};
const ask = (what) => 'anneal.ask.' + own + '.0.' + uid + '.' + what;
const get = JSON.stringify({ key: own + '.state' });
const attempts = {
  directGet: ['$JS.API.DIRECT.GET.KV_anneal_state.' + key(own, 'state'), '', key(victim, 'desired')],
  consumer: ['$JS.API.CONSUMER.CREATE.KV_anneal_state',
    JSON.stringify({ stream_name: 'KV_anneal_state', config }), inbox + '.x'],
  purge: ['$JS.API.STREAM.PURGE.KV_anneal_state', '', inbox + '.x'],
  put: [key(victim, 'desired'), '{"v":1}'],
  heartbeat: ['anneal.heartbeat.' + victim + '.0.' + uid, '{}'],
  told: ['anneal.told.' + cluster + '.' + victim + '.desired', '{"v":1}'],
  others: [ask('get').replace(own, victim), '{}', inbox + '.x'],
  getToKey: [ask('get'), get, key(victim, 'desired')],
  getToPurge: [ask('get'), get, '$JS.API.STREAM.PURGE.KV_anneal_state'],
  getToConsumer: [ask('get'), get, '$JS.API.CONSUMER.CREATE.KV_anneal_state'],
  desired: [ask('put'), JSON.stringify({ key: own + '.desired', value: { v: 1 } }), inbox + '.desired'],
  list: [ask('list'), '{}', inbox + '.list'],
};
(async () => {
  const said = {};
  const heard = [];
  for (const [name, [subject, body, reply]] of Object.entries(attempts)) {
    const pod = await connect(options);
    pod.subscribe(inbox + '.>', { callback: (_, m) => heard.push(m.subject.split('.').at(-1) + ' ' + m.string()) });
    (async () => { for await (const s of pod.status()) if (s.type === 'error') said[name] = String(s.data); })();
    await pod.flush();
    pod.publish(subject, body, reply === undefined ? {} : { reply });
    await pod.flush().catch(() => {});
    // These two are answered; of the others, nothing may come.
    const isAnswered = () => heard.some((each) => each.startsWith(name + ' '));
    const waits = name === 'desired' || name === 'list' ? 300 : 10;
    for (let n = 0; n < waits && !isAnswered(); n += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    said[name] ??= 'nothing';
    await pod.close();
  }
  console.log(JSON.stringify({ said, heard }));
})();
`;

interface Told {
  readonly said: Readonly<Record<string, string>>;
  readonly heard: readonly string[];
}

test('a worker with its own token does nothing to the job of another namespace', async (t) => {
  t.timeout(1_200_000);
  const [attackers, victims] = [await aNamespace(t), await aNamespace(t)];
  const release = await installAnneal(t, [attackers, victims]);
  for (const jobs of [attackers, victims]) {
    const folder = await aSharedFolder(jobs, 'toy');
    const { file } = await writeToyJob(folder, {
      ...{ name: 'toy', claim: 'toy', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
      training: { maxSteps: 1_000_000, schedule: { type: 'Constant' } },
      checkpoint: { intervalSteps: 500 },
      worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
    });
    await chmod(join(folder, 'out'), 0o777);
    await kubectl(['-n', jobs, 'apply', '-f', file]);
  }
  for (const jobs of [attackers, victims]) await untilItTrains(jobs, 'toy');
  const mapsOf = [
    '-n',
    attackers,
    'get',
    'configmaps',
    '-l',
    'anneal.dev/job-name=toy',
    '-o',
    'json',
  ];
  const { items } = JSON.parse((await kubectl(mapsOf)).stdout) as {
    items: { data: Record<string, string> }[];
  };
  t.regex(items[0]?.data['ca.crt'] ?? '', /BEGIN CERTIFICATE/, 'pods know whom to trust');

  const placeOf = async (jobs: string) => {
    const { metadata } = (await getJson(jobs, 'finetunejobs', 'toy')) as {
      metadata: { uid: string };
    };
    return `${jobs}.${metadata.uid}`;
  };
  const system = JSON.parse(
    (await kubectl(['get', 'namespace', 'kube-system', '-o', 'json'])).stdout,
  ) as { metadata: { uid: string } };
  const pod = await workerPod(attackers, 'toy');
  if (pod === undefined) return t.fail('a worker runs');
  const words = [system.metadata.uid, await placeOf(attackers), await placeOf(victims), pod.uid];
  const run = ['-n', attackers, 'exec', pod.name, '--', 'node', '-e', attack, ...words];
  const { said, heard } = JSON.parse((await kubectl(run)).stdout) as Told;
  t.log(JSON.stringify(said));
  for (const name of ['directGet', 'consumer', 'purge', 'put', 'heartbeat', 'told', 'others'])
    t.is(said[name], 'PERMISSIONS_VIOLATION', name);
  t.false(
    heard.some((each) => each.includes(victims)),
    'it read nothing of the other',
  );
  t.true(heard.some((each) => /^desired .*no key of a worker/.test(each)));
  t.true(
    heard.some((each) => /^list .*"head"/.test(each)),
    'and its own records are there',
  );

  const before = await statusOf(victims, 'toy');
  const step = before.progress?.step ?? 0;
  await eventually('the other job trains on', async () => {
    const { phase, progress } = await statusOf(victims, 'toy');
    return phase === 'Running' && (progress?.step ?? 0) > step;
  });
  const after = await statusOf(victims, 'toy');
  t.is(after.restarts?.counted ?? 0, 0);
  t.is(after.rendezvous?.round, 1);
  // A person reads it through a tunnel, by the same authority; on a busy machine not always in the
  // time that one gives it.
  const throughTunnel = async () => {
    const { stdout, stderr } = await annealOn(victims, release.namespace, ['logs', 'toy']);
    return stdout.length > 0 && !/reading the pods|did not accept the connection/.test(stderr);
  };
  await t.notThrowsAsync(eventually('a person is let in', throughTunnel, { withinMs: 180_000 }));
});
