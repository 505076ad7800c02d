// The screens that docs/ shows: made-up jobs, drawn by the components that the commands draw with,
// at a clock that stands still.
import { renderToString } from 'ink';
import type { ReactNode } from 'react';
import { KeyBar } from '../../../cli/components/keys.tsx';
import type { Display } from '../../../cli/components/line.tsx';
import { draft } from '../../../cli/init/draft.ts';
import { startWizard } from '../../../cli/init/wizard.ts';
import { nothingBeside } from '../../../cli/jobs/beside.ts';
import { emptyBoard, rowsOf, seeBoard } from '../../../cli/jobs/board-state.ts';
import type { Job } from '../../../cli/jobs/job.ts';
import { emptyJob, seeJob } from '../../../cli/jobs/job-state.ts';
import type { Compared } from '../../../cli/metrics/comparison.ts';
import { historyOf } from '../../../cli/metrics/history.ts';
import { CompareScreen } from '../../../cli/screens/compare/screen.tsx';
import { WizardScreen } from '../../../cli/screens/init/screen.tsx';
import { JobScreen } from '../../../cli/screens/job/screen.tsx';
import { Board } from '../../../cli/screens/jobs/screen.tsx';
import { keysOf } from '../../../cli/screens/keys-of.ts';
import { startAt, type View } from '../../../cli/screens/navigation.ts';
import { braille } from '../../../cli/terminal/glyphs.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { heardOfAJob } from '../../builders/heard.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';
import { estimatorOfTests, nothingHere, whatIsFound } from '../../builders/wizard.ts';

const now = Date.parse('2026-01-01T04:33:00Z') / 1000;
const size = { columns: 100, rows: 28 };
const display: Display = { ...size, glyphs: braille, color: 'terminal', now };
const key = 'team-a/halo-x7k2';

export interface Picture {
  readonly file: string;
  /** What somebody who cannot see it is told. */
  readonly title: string;
  readonly rows: number;
  readonly text: string;
}

export function pictures(): readonly Picture[] {
  return [
    picture(
      'board',
      'The board: three jobs, one a line, with phase, step, loss and speed',
      8,
      board,
    ),
    picture(
      'job',
      'A job: how far it is, the curve of its loss, its workers, what happened',
      28,
      job,
    ),
    picture(
      'compare',
      'Two jobs beside each other: curves, a table at equal tokens, what differs',
      28,
      compare,
    ),
    picture(
      'init',
      'The wizard: a question at the left, the job file as it grows at the right',
      28,
      init,
    ),
  ];
}

function picture(
  file: string,
  title: string,
  rows: number,
  draw: (display: Display) => ReactNode,
): Picture {
  const text = renderToString(draw({ ...display, rows }), { columns: size.columns });
  return { file, title, rows: text.split('\n').length, text };
}

function withKeys(view: View, of: Job | null, node: ReactNode): ReactNode {
  return (
    <>
      {node}
      <KeyBar display={display} keys={keysOf(view, of, true)} />
    </>
  );
}

const jobs: readonly Job[] = [
  aListedJob({
    ...{ name: 'halo-x7k2', uid: '1' },
    status: {
      ...{ phase: 'Running', workers: { summary: '4/4' }, restarts: { counted: 1 } },
      progress: { step: 1180, totalSteps: 3000, trainLoss: '1.912', tokensPerSecond: '41230' },
    },
  }),
  aListedJob({
    ...{ name: 'qlora-try', uid: '2' },
    status: {
      ...{ phase: 'Succeeded' },
      progress: { step: 900, totalSteps: 900, trainLoss: '1.744' },
    },
  }),
  aListedJob({
    ...{ name: 'pv-2bit', uid: '3' },
    status: {
      ...{ phase: 'Failed', workers: { summary: '0/8' } },
      failure: { reason: 'DeviceOutOfMemory', message: 'no' },
    },
  }),
];

function board(at: Display): ReactNode {
  const state = seeBoard(emptyBoard, [{ at: 0, change: { type: 'All', jobs } }]);
  const rows = rowsOf(state, '');
  const shown = { board: state, beside: nothingBeside, rows, chosen: 0, filter: '', typing: false };
  return withKeys(
    { type: 'Board' },
    rows[0] ?? null,
    <Board display={at} location="prod/team-a" namespaces={false} {...shown} />,
  );
}

function job(at: Display): ReactNode {
  const state = seeJob(emptyJob, heardOfAJob());
  const view: View = { type: 'Job', key };
  return withKeys(
    view,
    state.job,
    <JobScreen display={at} name="halo-x7k2" state={state} at={startAt(view)} />,
  );
}

const messages = messagesOfARun(40);
/** Falls faster, and ends lower than chance. */
const faster = messages.map((message): Telemetry => {
  if (message.type !== 'step') return message;
  return { ...message, loss: (message.loss ?? 0) - 0.3 * (1 - Math.exp(-message.step / 9)) };
});
const compared: readonly Compared[] = [
  {
    job: aListedJob({ name: 'lora-base', uid: 'a', status: { phase: 'Succeeded' } }),
    history: historyOf(messages),
  },
  {
    job: aListedJob({
      ...{ name: 'lora-faster', uid: 'b', status: { phase: 'Running' } },
      spec: { 'training.learningRate': '4e-4' },
    }),
    history: historyOf(faster.slice(0, 38)),
  },
];

function compare(at: Display): ReactNode {
  return <CompareScreen display={at} all={compared} away={[]} equal="tokens" metric="loss" />;
}

function init(at: Display): ReactNode {
  const found = whatIsFound();
  const wizard = { ...startWizard({}), page: 'prefer' as const };
  const drafted = draft(wizard, found, estimatorOfTests, nothingHere);
  return <WizardScreen display={at} wizard={wizard} found={found} drafted={drafted} cluster="" />;
}
