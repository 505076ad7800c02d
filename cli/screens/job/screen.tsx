// The screen of one job: progress, curve, workers, events, method. Digits toggle the panels; below
// 60 columns only the essentials remain. Words carry the meaning; bars and colours repeat it.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import { methodOf, modelOf, phaseOf } from '../../jobs/job.ts';
import { jobStages } from '../../jobs/job-stages.ts';
import { isOver, type JobState } from '../../jobs/job-state.ts';
import { secondsLeft } from '../../jobs/run-state.ts';
import { taskFigure } from '../../jobs/task-figure.ts';
import { whyOf } from '../../jobs/why.ts';
import { ageOf, clockText } from '../../terminal/age.ts';
import { bytes, percent, real, seconds, shortCount } from '../../terminal/numbers.ts';
import { styleOf } from '../../terminal/palette.ts';
import { bar, boundsOf, plot, trailingMeans } from '../../terminal/plot.ts';
import { wrap } from '../../terminal/wrap.ts';
import { stageLine } from '../../text/stage-line.ts';
import type { Navigation } from '../navigation.ts';
import { heightsOf } from './heights.ts';
import { Method, methodLines } from './method.tsx';
import { linesBelow, Workers } from './workers.tsx';

interface JobProps {
  readonly display: Display;
  readonly state: JobState;
  readonly name: string;
  readonly at: Pick<Navigation, 'panels' | 'metric' | 'axis' | 'zoom' | 'frozen'>;
}

export function JobScreen(props: JobProps): ReactNode {
  const { display, state, name } = props;
  const { job } = state;
  if (job === null) return <Line display={display}>{`${name}: loading the job`}</Line>;
  const wide = display.columns >= 60;
  const two = display.columns >= 100 && props.at.panels.has(1) && props.at.panels.has(2);
  const half = { ...display, columns: Math.floor((display.columns - 1) / 2) };
  const left = { ...display, columns: display.columns - 1 - half.columns };
  const method = methodLines(state, display.columns);
  const stages = wide ? stageLine(jobStages(job, state.run), display.columns) : '';
  const heights = heightsOf({
    // Without title, progress and keys, and without the stages.
    rows: display.rows - 3 - (stages === '' ? 0 : 1) - bannersOf(props).length,
    ...{ beside: two, panels: props.at.panels, method: method.length },
    ...{ workers: state.workers.length, belowWorkers: linesBelow(state) },
    happened: state.happened.length,
  });
  const workers = { state, room: heights.workers };
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Head {...props} />
      <Banner {...props} />
      {stages === '' ? null : <Line display={display}>{stages}</Line>}
      <Progress {...props} />
      {wide && two ? (
        <Box>
          <Box flexDirection="column" width={left.columns} marginRight={1}>
            <Curve {...props} display={left} height={heights.plot} />
          </Box>
          <Box flexDirection="column" width={half.columns}>
            <Workers {...workers} display={half} />
          </Box>
        </Box>
      ) : null}
      {wide && !two && props.at.panels.has(1) ? <Curve {...props} height={heights.plot} /> : null}
      {wide && !two && props.at.panels.has(2) ? <Workers {...workers} display={display} /> : null}
      {wide && props.at.panels.has(4) ? <Method display={display} lines={method} /> : null}
      {wide && props.at.panels.has(3) ? <What {...props} room={heights.what} /> : null}
      {wide ? null : <Essentials {...props} />}
    </Box>
  );
}

function Head({ display, state: { job, gone }, name }: JobProps): ReactNode {
  if (job === null) return null;
  const phase = phaseOf(job);
  const { glyph, ...style } = styleOf(phase);
  const age = ageOf(job.status.startTime ?? job.createdAt, new Date(display.now * 1000));
  const word = gone
    ? '✗ deleted'
    : `${glyph} ${phase}${isOver({ job, gone } as JobState) ? '' : ` ${age}`}`;
  if (display.columns < 60) {
    return (
      <>
        <Line display={display} style={{ bold: true }}>
          {name}
        </Line>
        <Line display={display} style={style}>
          {word}
        </Line>
      </>
    );
  }
  const title = [name, modelOf(job), methodOf(job).summary].join(' · ');
  return (
    <Line display={display} style={{ ...style, bold: true }}>
      {ends(title, word, display.columns)}
    </Line>
  );
}

function bannersOf({ display, state: { away }, at }: JobProps): readonly string[] {
  return [
    ...(at.frozen ? ['frozen; space continues'] : []),
    ...[away.jobs, away.bus].flatMap((one) =>
      one === null ? [] : [`stale ${seconds(display.now - one.since)} · ${one.why}`],
    ),
  ];
}

function Banner(props: JobProps): ReactNode {
  return bannersOf(props).map((line) => (
    <Line key={line} display={props.display} style={{ color: 'yellow', bold: true }}>
      {line}
    </Line>
  ));
}

/** Steps from the workers' messages, or from the status without them. */
function stepsOf({ job, run }: JobState): { step: number; total: number } | undefined {
  const { step, totalSteps } = job?.status.progress ?? {};
  if (run.step !== null) return { step: run.step.step, total: run.step.totalSteps };
  return step === undefined ? undefined : { step, total: totalSteps ?? step };
}

function Progress({ display, state }: JobProps): ReactNode {
  const { job, run } = state;
  if (job === null) return null;
  const steps = stepsOf(state);
  const { stage } = run;
  if (steps === undefined) {
    const words = stage === null || stage.state === 'Done' ? whyOf(job).happened : stageText(state);
    return <Line display={display}>{words}</Line>;
  }
  const { step, total } = steps;
  const left = isOver(state) ? null : secondsLeft(run);
  const tokens = run.step?.tokensSeen ?? job.status.progress?.tokensSeen;
  const words = [
    `step ${step}/${total}`,
    ...(left === null || step === total ? [] : [`${seconds(left)} left`]),
    ...(tokens === undefined ? [] : [`${shortCount(tokens)} tokens`]),
  ].join(' · ');
  const share = total === 0 ? 0 : step / total;
  if (display.columns < 60) {
    const [first = '', ...rest] = words.split(' · ');
    return (
      <>
        <Line display={display}>{`${percent(share, 0)} · ${first}`}</Line>
        {rest.length === 0 ? null : <Line display={display}>{rest.join(' · ')}</Line>}
      </>
    );
  }
  if (display.still) return <Line display={display}>{`${percent(share, 0)}  ${words}`}</Line>;
  const width = Math.max(8, Math.min(40, display.columns - words.length - 9));
  return (
    <Line
      display={display}
    >{`${bar(share, width, display.glyphs)} ${percent(share, 0).padStart(5)}  ${words}`}</Line>
  );
}

function stageText({ run: { stage } }: JobState): string {
  if (stage === null) return '';
  const { done, total, unit } = stage;
  const write = unit === 'Bytes' ? bytes : shortCount;
  const of = total === undefined ? '' : ` of ${write(total)}`;
  const amount = done === undefined ? '' : ` ${write(done)}${of}`;
  return [stage.stage.toLowerCase(), stage.subject].filter(Boolean).join(' ') + amount;
}

const metrics = [
  { name: 'loss', of: (one: Step) => one.loss, digits: 3 },
  { name: 'learning rate', of: (one: Step) => one.learningRate, digits: 6 },
  { name: 'gradient norm', of: (one: Step) => one.gradNorm, digits: 3 },
  { name: 'tokens a second', of: (one: Step) => one.tokensPerSecond, digits: 0 },
] as const;
type Step = JobState['run']['steps'][number];

const axes = ['step', 'tokens', 'time'] as const;

function Curve({ display, state, at, height }: JobProps & { readonly height: number }): ReactNode {
  const metric = metrics[at.metric] ?? metrics[0];
  const axis = axes[at.axis] ?? 'step';
  const all = state.run.steps;
  const from = Math.floor(all.length * (1 - 2 ** -at.zoom));
  const steps = all.slice(from);
  const first = steps[0]?.time ?? 0;
  const mean = metric.name === 'loss' ? meanOver(steps.length) : 1;
  const points = trailingMeans(
    steps.map((one) => ({
      x: axis === 'step' ? one.step : axis === 'tokens' ? one.tokens : one.time - first,
      y: metric.of(one) ?? Number.NaN,
    })),
    mean,
  );
  const finite = points.filter(({ y }) => Number.isFinite(y));
  const title = `1 ${metric.name}${mean > 1 ? `, mean of ${mean} steps` : ''}`;
  if (finite.length < 2) {
    const words = state.away.bus === null ? 'no steps yet' : 'unknown without the bus';
    return (
      <>
        <Rule display={display} title={title} />
        <Line display={display}>{`  ${words}`}</Line>
        <Numbers display={display} state={state} />
      </>
    );
  }
  const { least, greatest } = boundsOf(finite);
  const label = Math.max(
    least.toFixed(metric.digits).length,
    greatest.toFixed(metric.digits).length,
  );
  const lines = plot(points, { width: display.columns - label - 3, height }, display.glyphs);
  const lastX = finite.at(-1)?.x ?? 0;
  return (
    <>
      <Rule display={display} title={title} />
      {lines.map((line, row) => {
        const edge = row === 0 ? greatest : row === height - 1 ? least : undefined;
        const text = (edge?.toFixed(metric.digits) ?? '').padStart(label);
        // Rows have no identity other than their index.
        // biome-ignore lint/suspicious/noArrayIndexKey: the number of rows is fixed
        return <Line key={row} display={display}>{`${text} ┤${line}`}</Line>;
      })}
      <Line display={display} style={{ dim: true }}>
        {`${' '.repeat(label)} └ ${axis} ${positionText(axis, finite[0]?.x ?? 0)} to ${positionText(axis, lastX)}`}
      </Line>
      <Numbers display={display} state={state} />
    </>
  );
}

function meanOver(steps: number): number {
  return Math.max(1, Math.min(20, Math.floor(steps / 6)));
}

function positionText(axis: (typeof axes)[number], position: number): string {
  if (axis === 'time') return seconds(position);
  return axis === 'tokens' ? shortCount(position) : String(position);
}

function Numbers({ display, state: { run, job } }: Pick<JobProps, 'display' | 'state'>): ReactNode {
  const { progress } = job?.status ?? {};
  const evaluation = run.evaluations.at(-1);
  const held = evaluation?.loss ?? progress?.evalLoss;
  const figure = evaluation && taskFigure([evaluation], job?.spec.model.task);
  const loss = run.step?.loss ?? progress?.trainLoss;
  const speed = run.step?.tokensPerSecond ?? progress?.tokensPerSecond;
  const rate = run.step?.learningRate ?? progress?.learningRate;
  const words = [
    ...(loss === undefined ? [] : [`loss ${real(loss === null ? null : Number(loss))}`]),
    ...(held === undefined || held === null
      ? []
      : [`held out ${figure ?? Number(held).toFixed(4)}`]),
    ...(speed === undefined ? [] : [`${shortCount(Number(speed))} tokens/s`]),
    ...(rate === undefined ? [] : [`lr ${Number(rate).toExponential(1)}`]),
  ];
  if (words.length === 0) return null;
  if (display.columns >= 60) return <Line display={display}>{words.join(' · ')}</Line>;
  return [words.slice(0, 2), words.slice(2)]
    .map((part) => part.join(' · '))
    .filter((text) => text !== '')
    .map((text) => (
      <Line key={text} display={display}>
        {text}
      </Line>
    ));
}

function What({
  display,
  state: { happened },
  room,
}: JobProps & { readonly room: number }): ReactNode {
  return (
    <>
      <Rule display={display} title="3 what happened" />
      {happened.length === 0 ? <Line display={display}>{'  nothing yet'}</Line> : null}
      {(room === 0 ? [] : happened.slice(-room)).map(({ time, words, isProblem }) => (
        <Line
          key={`${time} ${words}`}
          display={display}
          style={isProblem ? { color: 'yellow', bold: true } : {}}
        >
          {`${clockText(time)} ${words}`}
        </Line>
      ))}
    </>
  );
}

/** What remains below 60 columns. */
function Essentials({ display, state }: JobProps): ReactNode {
  const last = state.happened.at(-1);
  return (
    <>
      <Numbers display={display} state={state} />
      {last === undefined
        ? null
        : wrap(`${clockText(last.time)} ${last.words}`, display.columns).map((text) => (
            <Line key={text} display={display}>
              {text}
            </Line>
          ))}
    </>
  );
}
