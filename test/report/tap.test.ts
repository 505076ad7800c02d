import test from 'ava';
import { readTap, type TapEvent } from './tap.ts';

// Copied from AVA 7.0.0's own output for a small project.
const recorded = `TAP version 13
ok 1 - a › skipped # SKIP
not ok 2 - a › later # TODO
ok 3 - a › works
not ok 4 - a › fails
  ---
    name: AssertionError
    message: message here
    at: >-
      ExecutionContext.deepEqual
  ...
ok 5 - a › logs
#   no GPU here
not ok 6 - test/d.test.ts exited with a non-zero exit code: 1

1..5
# tests 4
# fail 2
`;

function read(text: string) {
  const events: TapEvent[] = [];
  const reader = readTap((event) => events.push(event));
  for (const line of text.split('\n')) reader.line(line);
  const planned = reader.end();
  const results = events.flatMap((event) => (event.kind === 'test' ? [event.result] : []));
  return { events, results, planned };
}

test('each result line becomes one result with its outcome', (t) => {
  const { results, planned } = read(recorded);
  t.true(planned);
  t.deepEqual(
    results.map(({ title, outcome }) => `${outcome} ${title}`),
    [
      'skipped a › skipped',
      'skipped a › later',
      'passed a › works',
      'failed a › fails',
      'passed a › logs',
      'failed test/d.test.ts exited with a non-zero exit code: 1',
    ],
  );
});

test('a log that ends with an empty line does not part a failure from its block', (t) => {
  const { results } = read('not ok 1 - a\n#   {"level":30}\n\n  ---\n    name: E\n  ...\n\n1..1\n');
  t.deepEqual(results[0]?.facts, ['name: E']);
});

test('the block below a failure belongs to that failure and loses its indentation', (t) => {
  const { results } = read(recorded);
  t.deepEqual(results[3]?.facts, [
    'name: AssertionError',
    'message: message here',
    'at: >-',
    '  ExecutionContext.deepEqual',
  ]);
  t.deepEqual(results[4]?.facts, []);
});

test('what a test logs is told apart from the counts at the end', (t) => {
  const { events } = read(recorded);
  const logs = events.filter((event) => event.kind === 'log');
  t.deepEqual(logs, [{ kind: 'log', text: 'no GPU here' }]);
});

test('a stream that stops before the plan keeps its last result and is not whole', (t) => {
  const { results, planned } = read(recorded.slice(0, recorded.indexOf('  ...')));
  t.false(planned);
  t.is(results.at(-1)?.outcome, 'failed');
});

test('a title that looks like a directive is still a title', (t) => {
  const { results } = read('ok 1 - counts # of rows\n1..1');
  t.deepEqual(results, [{ title: 'counts # of rows', outcome: 'passed', facts: [] }]);
});
