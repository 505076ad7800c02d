// The screens as golden texts: three widths, without Braille, stale, with nothing known.
import test from 'ava';
import { renderToString } from 'ink';
import type { ReactNode } from 'react';
import { Help } from '../../../cli/components/keys.tsx';
import type { Display } from '../../../cli/components/line.tsx';
import { nothingBeside } from '../../../cli/jobs/beside.ts';
import { emptyBoard, rowsOf, seeBoard } from '../../../cli/jobs/board-state.ts';
import { emptyJob, seeJob } from '../../../cli/jobs/job-state.ts';
import { readParty } from '../../../cli/jobs/parties.ts';
import { readPool } from '../../../cli/jobs/pools.ts';
import { readServer } from '../../../cli/jobs/servers.ts';
import { BesideScreen } from '../../../cli/screens/beside/screen.tsx';
import { JobScreen } from '../../../cli/screens/job/screen.tsx';
import { Board } from '../../../cli/screens/jobs/screen.tsx';
import { Logs, Pages } from '../../../cli/screens/logs/screen.tsx';
import { startAt } from '../../../cli/screens/navigation.ts';
import { ascii, braille } from '../../../cli/terminal/glyphs.ts';
import { heardOfAJob } from '../../builders/heard.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { oneOfEachPoolState } from '../../builders/told-pool.ts';
import { aToldServer, oneOfEachState } from '../../builders/told-server.ts';

// A screen shows the clock of the person; this one is everywhere the same.
process.env['TZ'] = 'UTC';

const lookAt = (columns: number, more: Partial<Display> = {}): Display => {
  const now = Date.parse('2026-01-01T04:33:00Z') / 1000;
  return { columns, rows: 30, glyphs: braille, color: false as const, now, ...more };
};
const evaluation = {
  type: 'evaluation',
  time: 1,
  step: 20,
  loss: 2,
  perplexity: 7,
  tokens: 9,
} as const;
const at = startAt({ type: 'Job', key: 'team-a/halo-x7k2' });
const everything = { ...at, panels: new Set([1, 2, 3, 4]) };

function drawn(node: ReactNode, columns: number): string {
  const text = renderToString(node, { columns });
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const state = seeJob(emptyJob, heardOfAJob());
const board = seeBoard(emptyBoard, [
  {
    at: 0,
    change: {
      type: 'All',
      jobs: [
        aListedJob({
          name: 'halo-x7k2',
          status: {
            ...{ phase: 'Running', workers: { summary: '4/4' }, restarts: { counted: 1 } },
            progress: {
              step: 1180,
              totalSteps: 3000,
              trainLoss: '1.912',
              tokensPerSecond: '41230',
            },
          },
        }),
        aListedJob({
          name: 'qlora-try',
          status: {
            phase: 'Succeeded',
            progress: { step: 900, totalSteps: 900, trainLoss: '1.744' },
          },
        }),
        aListedJob({
          name: 'pv-2bit',
          status: {
            phase: 'Failed',
            workers: { summary: '0/8' },
            failure: { reason: 'DeviceOutOfMemory', message: 'no' },
          },
        }),
      ],
    },
  },
]);
const boardProps = {
  ...{ board, rows: rowsOf(board, ''), chosen: 1, filter: '', typing: false },
  beside: nothingBeside,
};
const lines = [0, 1, 2, 3].map((index) => {
  return { index, time: 1000, level: 'info' as const, text: 'world of 4 formed, round 2' };
});

for (const columns of [40, 80, 120]) {
  test(`board, job, logs and help at ${columns} columns`, (t) => {
    const display = lookAt(columns);
    const shown = {
      board: <Board display={display} location="prod/team-a" namespaces={false} {...boardProps} />,
      job: <JobScreen display={display} name="halo-x7k2" state={state} at={at} />,
      'all panels': <JobScreen display={display} name="halo-x7k2" state={state} at={everything} />,
      logs: (
        <Logs
          display={display}
          name="halo-x7k2"
          lines={lines}
          scroll={0}
          rank={null}
          search=""
          typing={false}
        />
      ),
      text: <Pages display={display} title="why halo-x7k2" text={'one\ntwo'} scroll={0} />,
      help: (
        <Help
          display={display}
          title="a job"
          keys={[{ key: 'p', does: 'pause', not: 'it has ended' }]}
        />
      ),
    };
    for (const [name, node] of Object.entries(shown)) {
      const text = drawn(node, columns);
      t.snapshot(text, name);
      for (const line of text.split('\n')) t.true([...line].length <= columns, line);
    }
  });
}

test('of a classifier the share of held-out records that is right stands where the loss would', (t) => {
  const { job, run } = state;
  if (job === null) return t.fail('the job was heard of');
  const model = { ...job.spec.model, task: 'SequenceClassification' as const };
  const evaluations = [{ ...evaluation, accuracy: 0.773 }];
  const learned = { ...state, job: { ...job, spec: { ...job.spec, model } } };
  const text = drawn(
    <JobScreen
      display={lookAt(80)}
      name="halo-x7k2"
      state={{ ...learned, run: { ...run, evaluations } }}
      at={at}
    />,
    80,
  );
  t.regex(text, /loss [0-9.]+ · held out 77\.3 % right · /);
});

test('without Braille and colours there are plain letters, and nothing is lost', (t) => {
  const display = lookAt(80, { glyphs: ascii });
  const job = drawn(<JobScreen display={display} name="halo-x7k2" state={state} at={at} />, 80);
  t.snapshot(job, 'job');
  const text = drawn(
    <Board display={display} location="prod/team-a" namespaces={false} {...boardProps} />,
    80,
  );
  t.snapshot(text, 'board');
  t.regex(job + text, /^[\n\u0020-\u007e]*$/);
});

test('who cannot be asked is told in words, with since when', (t) => {
  const display = lookAt(80);
  const event = {
    type: 'Away',
    why: 'the API server does not answer',
    at: display.now - 14,
  } as const;
  const stale = seeJob(state, [event]);
  const text = drawn(<JobScreen display={display} name="halo-x7k2" state={stale} at={at} />, 80);
  t.regex(text, /^stale 14 s · the API server does not answer$/m);
  const empty = seeBoard(emptyBoard, [{ at: display.now - 3, change: event }]);
  const props = { ...boardProps, board: empty, rows: [] };
  t.regex(
    drawn(<Board display={display} location="prod/team-a" namespaces={false} {...props} />, 80),
    /^stale 3 s · the API server does not answer$/m,
  );
});

test('no screen is taller than its window', (t) => {
  for (const rows of [12, 20, 30, 50]) {
    for (const columns of [40, 80, 120]) {
      const display = lookAt(columns, { rows });
      const text = drawn(
        <JobScreen display={display} name="halo-x7k2" state={state} at={at} />,
        columns,
      );
      if (rows >= 24) t.true(text.split('\n').length < rows, `${columns}x${rows}`);
      t.true(
        drawn(
          <Board display={display} location="p" namespaces={false} {...boardProps} />,
          columns,
        ).split('\n').length < rows,
      );
    }
  }
});

const hub = readParty('Federation', {
  metadata: { name: 'clinics', namespace: 'team', creationTimestamp: '2026-01-01T04:00:00Z' },
  status: {
    ...{ observedGeneration: 1, phase: 'Running', round: 3, rounds: 8, progress: '3/8' },
    ...{ heldOutLoss: '1.4210', epsilon: '2.10', message: 'waits for submissions of round 4' },
    clients: {
      summary: '2/3',
      used: ['north', 'south'],
      refused: [{ name: 'west', reason: 'submitted after the deadline of the round' }],
    },
  },
});
const busy = readServer(
  aToldServer('answers', {
    told: [
      {
        served: [
          { name: 'first', folder: '/first', load: { open: 3, answers: 1204, tokens: 90_412 } },
          { name: 'second', folder: '/second', load: { open: 0, answers: 7, tokens: 310 } },
        ],
        refused: [],
      },
    ],
  }),
);
const many = {
  parties: [hub],
  pools: oneOfEachPoolState().map(readPool),
  servers: oneOfEachState().map(readServer),
};

test('federations, pools and servers stand on the board below the jobs, as many as there is room for', (t) => {
  for (const [columns, rows] of [
    [80, 30],
    [120, 24],
    [40, 12],
  ] as const) {
    const display = lookAt(columns, { rows });
    const props = { ...boardProps, beside: many };
    const text = drawn(
      <Board display={display} location="prod/team" namespaces={false} {...props} />,
      columns,
    );
    t.snapshot(text, `${columns}x${rows}`);
    t.true(text.split('\n').length < rows, `${columns}x${rows}`);
  }
});

test('a server, a pool and a federation have a screen of their own', (t) => {
  for (const columns of [40, 80, 120]) {
    for (const one of [busy, hub, ...many.servers, ...many.pools]) {
      const screen = <BesideScreen display={lookAt(columns)} name="a" one={one} scroll={0} />;
      t.snapshot(drawn(screen, columns), `${one.name} at ${columns} columns`);
    }
  }
  const at80 = { display: lookAt(80), name: 'answers', scroll: 0 };
  t.regex(drawn(<BesideScreen {...at80} one={undefined} />, 80), /^ {2}loading answers$/);
  t.regex(
    drawn(<BesideScreen {...at80} one={busy} />, 80),
    /\n {2}first +● Loaded +3 +1,204 +90,412\n/,
  );
});

test('a server of many adapters scrolls, and never beyond its last', (t) => {
  const loading = many.servers.find(({ name }) => name === 'loading');
  const at = (scroll: number) =>
    drawn(<BesideScreen display={lookAt(80)} name="loading" one={loading} scroll={scroll} />, 80);
  t.regex(at(0), /\n {2}ADAPTER[^\n]*\n {2}adapter-0 /);
  t.regex(at(5), /\n {2}ADAPTER[^\n]*\n {2}adapter-5 /);
  t.regex(at(1e9), /\n {2}adapter-254 [^\n]*\n {2}adapter-255 [^\n]*$/);
  for (const scroll of [0, 5, 1e9]) t.true(at(scroll).split('\n').length < 30);
});
