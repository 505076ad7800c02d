// `anneal submit` in a pseudo-terminal, before a small API server and a real bus: the question of
// --confirm, the lines of --logs.
import { join } from 'node:path';
import test from 'ava';
import { subjects } from '../../crds/wire/subjects.ts';
import { aWrittenJob } from '../builders/job.ts';
import { aCluster } from '../cli/cluster.ts';
import { JobRecords } from '../doubles/job-records.ts';
import { cluster as busCluster, NatsServer } from '../doubles/nats-server.ts';
import { Terminal } from './terminal.ts';

const quiet = '--disable-warning=ExperimentalWarning';
const program = join(import.meta.dirname, '../../cli/main.ts');

type Cluster = Awaited<ReturnType<typeof aCluster>>;

async function submitting(
  cluster: Cluster,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Terminal> {
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob()));
  const args = [quiet, program, 'submit', file, ...words];
  const { kubeconfig, folder } = cluster;
  return new Terminal(process.execPath, args, {
    env: { KUBECONFIG: kubeconfig, ANNEAL_CACHE: folder, ANNEAL_OFFLINE: '1', ...env },
  });
}

for (const [key, expected] of [
  ['y\r', 'created'],
  ['n\r', 'nothing'],
  ['\r', 'nothing'],
  ['\u0004', 'nothing'],
  ['\u0003', 'nothing'],
] as const) {
  test(`--confirm shows the plan and asks; ${JSON.stringify(key)} is answered`, async (t) => {
    await using cluster = await aCluster();
    using terminal = await submitting(cluster, ['--confirm', '--no-watch']);
    await terminal.shows(/^plan[\s\S]*memory[\s\S]*Submit first to team-a\? \[y\/N\]/);
    t.is(cluster.get('first'), undefined);
    terminal.type(key);
    const isCreated = expected === 'created';
    t.is(await terminal.ended(), isCreated ? 0 : 130);
    t.is(cluster.get('first') !== undefined, isCreated);
    const text = terminal.lines().join('\n');
    t.regex(text, isCreated ? /\ncreated first in team-a\n/ : /\nnothing was submitted$/);
    t.is(text.split('plan ').length, 2, 'the plan is told once');
  });
}

for (const [phase, code, words] of [
  ['Succeeded', 0, /✓ first succeeded/],
  ['Failed', 10, /✗ first failed[\s\S]*first failed: the loss was not finite\nhint: /],
] as const) {
  test(`--logs shows what the workers say until the job ends: ${phase}`, async (t) => {
    await using cluster = await aCluster();
    await using nats = await NatsServer.start();
    await using bus = await nats.bus('workers');
    cluster.server.intercept = ({ path }) =>
      path.endsWith('/token') ? { status: 201, body: { status: { token: 't' } } } : undefined;
    using terminal = await submitting(cluster, ['--logs'], { ANNEAL_NATS_URL: nats.url });
    await terminal.shows(/created first/);
    const { metadata } = cluster.get('first') as { metadata: { uid: string } };
    const job = { namespace: 'team-a', uid: metadata.uid };
    await new JobRecords(bus, job).admit();
    const say = (text: string, index: number) => {
      const head = { v: 1, time: 1_000_000 + index, index, podName: `first-w1-${index}` };
      const record = { ...head, level: 'info', from: 'worker', text };
      return bus.publish(subjects.message(busCluster, job, 'logs', index), record, text);
    };
    await say('the model is there', 0);
    await terminal.shows(/the model is there/);
    const failure = { code: 'E_DIVERGED', reason: 'Diverged', message: 'the loss was not finite' };
    cluster.put('first', { status: { phase, ...(phase === 'Failed' ? { failure } : {}) } });
    await say('this is the last line', 0);
    t.is(await terminal.ended(), code);
    const text = terminal.lines().join('\n');
    t.regex(text, words);
    t.true(text.indexOf('the last line') < text.search(words), text);
    t.is(terminal.buffer, 'normal');
  });
}
