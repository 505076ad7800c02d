import test from 'ava';
import { watchList } from '../../../../cli/commands/list/watch.ts';
import { type BesideJobs, nothingBeside } from '../../../../cli/jobs/beside.ts';
import { readPool } from '../../../../cli/jobs/pools.ts';
import { readServer } from '../../../../cli/jobs/servers.ts';
import type { JobSource, JobsChange } from '../../../../cli/jobs/source.ts';
import { cliConfig } from '../../../../cli/process/config.ts';
import { ascii } from '../../../../cli/terminal/glyphs.ts';
import { aListedJob } from '../../../builders/listed-job.ts';
import { aToldPool } from '../../../builders/told-pool.ts';
import { aToldServer } from '../../../builders/told-server.ts';

const everyJob = { phase: undefined, method: undefined, selector: undefined, sort: 'age' } as const;
const running = aListedJob({ name: 'halo', status: { phase: 'Running' } });
const failed = aListedJob({ name: 'a-much-longer-name', status: { phase: 'Failed' } });

async function told(
  changes: readonly JobsChange[],
  format: 'table' | 'json' | 'name',
  filter = {},
  beside: readonly BesideJobs[] = [],
) {
  let out = '';
  let err = '';
  const source = {
    changes: async function* () {
      yield* changes;
    },
    besideChanges: async function* () {
      yield* beside;
    },
  } as unknown as JobSource;
  await watchList(source, { ...everyJob, ...filter }, format, {
    flags: {},
    config: cliConfig({}),
    signal: new AbortController().signal,
    output: {
      ...{ glyphs: ascii, paint: (text: string) => text, isTerminal: false, columns: undefined },
      write: (text: string) => {
        out += text;
      },
      talk: (text: string) => {
        err += text;
      },
    },
  });
  return { out, err };
}

const all: JobsChange = { type: 'All', jobs: [running, failed] };
const done = { ...running, status: { ...running.status, phase: 'Succeeded' } } as typeof running;

test('the table, then a line for each change in its columns, and what is gone', async (t) => {
  const { out, err } = await told(
    [
      all,
      { type: 'Changed', job: done },
      { type: 'Away', why: 'cut' },
      { type: 'Gone', job: done },
    ],
    'table',
  );
  const lines = out.trimEnd().split('\n');
  t.is(lines.length, 4);
  const column = lines[0]?.indexOf('PHASE') ?? -1;
  for (const line of lines.slice(1)) t.regex(line.slice(column), /^. (Running|Failed|Succeeded)/);
  t.regex(lines[3] ?? '', /^halo .*Succeeded/);
  t.is(err, 'cut\nhalo deleted\n');
});

test('what a filter leaves out is not told; programs get an object a line', async (t) => {
  const changes = [all, { type: 'Changed', job: done }, { type: 'Gone', job: failed }] as const;
  t.is((await told(changes, 'name', { phase: ['running'] })).out, 'team-a/halo\n');
  const { out } = await told(changes, 'json');
  const rows = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(rows.map(({ name, phase, deleted }) => [name, phase, deleted]).slice(2), [
    ['halo', 'Succeeded', undefined],
    ['a-much-longer-name', 'Failed', true],
  ]);
});

const aServer = (name: string, served?: readonly string[]) =>
  readServer(aToldServer(name, served === undefined ? {} : { served }));
const aPool = (name: string) => readPool(aToldPool(name));
const withServers = (...servers: readonly ReturnType<typeof aServer>[]): BesideJobs => ({
  ...nothingBeside,
  servers,
});
const course = [
  withServers(aServer('answers', []), aServer('other')),
  withServers(aServer('answers'), aServer('other')),
  withServers(aServer('answers')),
];

test('servers stand below the jobs, then a line for each that changes, and what is gone', async (t) => {
  const { out, err } = await told([all], 'table', {}, course);
  const [, jobs = '', servers = ''] = /^(NAME[\s\S]*?)(SERVER[\s\S]*)$/.exec(out) ?? [];
  t.is(jobs.trimEnd().split('\n').length, 3);
  t.regex(
    servers,
    /^SERVER .*\nanswers .* Loading .* 0\/2 .*\nother .* Serving .*\nanswers .* Serving .* 2\/2 .*\n$/,
  );
  t.is(err, 'other deleted\n');
});

test('pools stand below the jobs, then a line for each that changes, and what is gone', async (t) => {
  const [smol, other] = [readPool(aToldPool('smol', { told: undefined })), aPool('other')];
  const course = [[smol, other], [aPool('smol'), other], [aPool('smol')]].map((pools) => {
    return { ...nothingBeside, pools };
  });
  const { out, err } = await told([all], 'table', {}, course);
  t.regex(
    out.slice(out.indexOf('POOL')),
    /^POOL .*\nsmol .* Starting .* 0\/2 .*\nother .* Running .*\nsmol .* Running .* 2\/2 .*\n$/,
  );
  t.is(err, 'other deleted\n');
  const json = (await told([all], 'json', {}, course)).out;
  t.is(json.match(/"kind":"TrainingPool"/g)?.length, 4);
});

test('programs are told of a server that changes, and that it is gone', async (t) => {
  const { out } = await told([all], 'json', {}, course);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    lines.slice(2).map(({ kind, name, state, deleted }) => [kind, name, state ?? deleted]),
    [
      ['AdapterServer', 'answers', 'Loading'],
      ['AdapterServer', 'other', 'Serving'],
      ['AdapterServer', 'answers', 'Serving'],
      ['AdapterServer', 'other', true],
    ],
  );
});

test('what chooses jobs shows nothing else', async (t) => {
  t.notRegex((await told([all], 'table', { phase: ['running'] }, course)).out, /SERVER/);
  t.notRegex((await told([all], 'name', {}, course)).out, /answers/);
});
