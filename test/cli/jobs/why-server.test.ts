import test from 'ava';
import { besideWhyText } from '../../../cli/commands/why/text.ts';
import { readServer } from '../../../cli/jobs/servers.ts';
import { whyBesideJobs } from '../../../cli/jobs/why-beside-jobs.ts';
import { aToldServer, oneOfEachState } from '../../builders/told-server.ts';

const why = (object: object) => whyBesideJobs(readServer(object));

test('one server of each state says what it is and what it waits for, at 80 columns', (t) => {
  const style = { width: 80, paint: (text: string) => text };
  const texts = oneOfEachState().map((object) => {
    const server = readServer(object);
    return besideWhyText(server, whyBesideJobs(server), style);
  });
  t.snapshot(texts.join('\n'));
});

test('what the cluster refuses says what can be done, and that older pods still answer', (t) => {
  const message = 'the owner may not create deployments';
  const refused = { reason: 'PermissionDenied', message } as const;
  const { happened, doing, change } = why(aToldServer('answers', { refused }));
  t.is(happened, 'The owner may not create deployments.');
  t.is(doing, 'The operator tries again by itself; pods from before it still answer.');
  t.is(change, 'features.adapterServers of the chart gives the operator its rights.');
});

test('a server that was changed after the operator looked says so', (t) => {
  const { happened, change } = why(aToldServer('answers', { metadata: { generation: 2 } }));
  t.is(happened, 'No operator has looked at it since it was changed.');
  t.regex(change, /features\.adapterServers/);
});

test('of hundreds of adapters that are refused a few are named, and the rest counted', (t) => {
  const adapters = Array.from({ length: 256 }, (_, index) => `adapter-${index}`);
  const refused = adapters.map((name) => ({ name, reason: `Adapter ${name} is not there` }));
  const places = { ...{ listed: [], claims: [], buckets: [] }, refused };
  const lines = why(aToldServer('answers', { adapters, places })).happened.split('\n');
  t.is(lines.length, 10);
  t.is(lines[1], 'Adapter adapter-0 is refused: Adapter adapter-0 is not there.');
  t.is(lines.at(-1), '248 more adapters are refused.');
});

test('words of a pod do not reach the terminal as commands', (t) => {
  const told = [
    { served: [], refused: [{ name: 'first', reason: 'is\u001b[2J of another base' }] },
  ];
  const server = readServer(aToldServer('answers', { adapters: ['first'], told }));
  const style = { width: 80, paint: (text: string) => text };
  const text = besideWhyText(server, whyBesideJobs(server), style);
  t.true(text.includes('Adapter first is refused: is[2J of another base.'));
  t.notRegex(text, /[^\P{Cc}\n]/u);
});
