import test from 'ava';
import { Kube } from '../../../cli/client/kube.ts';
import { operatorLogs } from '../../../cli/jobs/operator-logs.ts';
import type { LogLine } from '../../../cli/jobs/source.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { listen } from '../../doubles/http-server.ts';

const said = [
  { level: 30, job: 'team-a/halo', msg: 'a pod was made' },
  {
    level: 50,
    job: 'team-a/halo',
    msg: 'a reconcile did not succeed',
    err: { message: 'no quota' },
  },
  { level: 30, job: 'team-a/halo-2', msg: 'of another job' },
  { level: 40, namespace: 'team-a', uid: 'uid-of-halo', msg: 'left-over records stay' },
  { level: 30, msg: 'this replica leads' },
];

test('of the log of the operator, the lines that name the job, with what went wrong', async (t) => {
  const pod = {
    metadata: { name: 'operator-1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [{ name: 'operator' }] },
  };
  await using server = await listen((request, response) => {
    const isLog = request.url?.includes('/log') === true;
    const lines = said.map((line, index) => `2026-01-01T00:00:0${index}Z ${JSON.stringify(line)}`);
    response.end(
      isLog ? `${lines.join('\n')}\nno JSON\n` : JSON.stringify({ metadata: {}, items: [pod] }),
    );
  });
  const access = { server: server.origin, contextName: 'c', namespace: 'team-a' };
  await using kube = new Kube({ ...access, authorize: async () => ({}) } as never, 5_000);
  const job = aListedJob({ name: 'halo', uid: 'uid-of-halo' });
  const lines: LogLine[] = [];
  const asked = { follow: false, previous: false };
  const { signal } = new AbortController();
  for await (const heard of operatorLogs(kube, 'anneal-system', job, asked, signal)) {
    if (heard.type === 'Log') lines.push(heard.line);
  }
  t.deepEqual(
    lines.map(({ level, text }) => [level, text]),
    [
      ['info', 'a pod was made'],
      ['error', 'a reconcile did not succeed: no quota'],
      ['warn', 'left-over records stay'],
    ],
  );
});
