import test from 'ava';
import { obey } from '../../../cli/screens/command-line.ts';
import { type Seen, startAt, viewOf } from '../../../cli/screens/navigation.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const running = { status: { phase: 'Running' } } as const;
const jobs = ['halo', 'hard', 'other'].map((name) => aListedJob({ ...running, name }));
const seen: Seen = { rows: jobs, jobs, job: null, isCluster: true };
const board = startAt({ type: 'Board' });
const at = (text: string, more: Partial<Seen> = {}, from = board) =>
  obey(from, text, { ...seen, ...more });

test('words of the shell open what they print there, of the chosen job or of a named one', (t) => {
  t.deepEqual(viewOf(at('logs').navigation), { type: 'Logs', key: 'team-a/halo' });
  t.deepEqual(viewOf(at('why oth').navigation), {
    ...{ type: 'Text', what: 'why' },
    key: 'team-a/other',
  });
  t.deepEqual(viewOf(at(' watch   hard ').navigation), { type: 'Job', key: 'team-a/hard' });
  t.deepEqual(viewOf(at('get').navigation), { type: 'Text', key: 'team-a/halo', what: 'yaml' });
  const deep = at('logs').navigation;
  t.deepEqual(at('list', {}, deep).navigation.views, [{ type: 'Board' }]);
  t.deepEqual(at('q').effect, { type: 'Leave' });
  t.is(at('  ').navigation, board);
});

test('in a view of a job its words are about that job', (t) => {
  const job = jobs[2]!;
  const here = startAt({ type: 'Job', key: 'team-a/other' });
  t.deepEqual(viewOf(at('describe', { job }, here).navigation), {
    ...{ type: 'Text', what: 'describe' },
    key: 'team-a/other',
  });
});

test('what changes a job asks as its key does, and says why it does nothing', (t) => {
  t.is(at('cancel halo').navigation.question?.act, 'cancel');
  t.is(at('pause halo').navigation.question?.act, 'pause');
  t.deepEqual(at('checkpoint').effect, {
    ...{ type: 'Act', act: 'checkpoint' },
    key: 'team-a/halo',
  });
  t.is(at('resume halo').said, 'resume halo: it is not paused');
  const paused = [aListedJob({ name: 'halo', spec: { suspend: true } })];
  t.is(at('pause', { rows: paused, jobs: paused }).said, 'pause halo: it is paused already');
  t.is(at('resume', { rows: paused, jobs: paused }).navigation.question?.act, 'resume');
  const ended = [aListedJob({ name: 'halo', status: { phase: 'Failed' } })];
  t.is(at('cancel', { rows: ended, jobs: ended }).said, 'cancel halo: the job has ended');
});

test('two jobs are compared, or the chosen one with one that is named', (t) => {
  const keys = ['team-a/halo', 'team-a/other'];
  t.deepEqual(viewOf(at('compare halo other').navigation), { type: 'Compare', keys });
  t.deepEqual(viewOf(at('compare other').navigation), { type: 'Compare', keys });
  t.is(at('compare').said, 'compare needs two jobs; name them');
});

test('a word or a name that is not known is told in a sentence', (t) => {
  t.regex(at('logz').said ?? '', /there is no command "logz" here; commands are list, watch/);
  t.regex(at('logs zzz').said ?? '', /there is no job "zzz"/);
  t.regex(at('logs ha').said ?? '', /"ha" is the beginning of 2 jobs: halo, hard/);
  t.is(at('logs', { rows: [] }).said, 'logs which job? name one');
});
