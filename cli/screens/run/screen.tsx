// The live part of `anneal run`: method, progress, curve, evaluations. Words carry the meaning;
// bars and colours repeat it. Below 60 columns only the essentials remain.
import { Box, Text } from 'ink';
import type { ReactNode } from 'react';
import type { StagedSpec } from '../../../crds/stages/stage.ts';
import { sanitize } from '../../../crds/text/sanitize.ts';
import { liveStages } from '../../jobs/job-stages.ts';
import { memoryWords, predictedWords, trainingPeak } from '../../jobs/memory-words.ts';
import { type RunState, secondsLeft } from '../../jobs/run-state.ts';
import { taskFigure } from '../../jobs/task-figure.ts';
import type { GlyphSet } from '../../terminal/glyphs.ts';
import { bytes, count, percent, real, seconds } from '../../terminal/numbers.ts';
import { type Colors, shadeOf } from '../../terminal/palette.ts';
import { bar, boundsOf, plot, trailingMeans } from '../../terminal/plot.ts';
import { stageLine } from '../../text/stage-line.ts';

export interface RunScreenProps {
  readonly name: string;
  /** Of the run, for its stages. */
  readonly spec: StagedSpec;
  readonly state: RunState;
  readonly columns: number;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  /** Seconds since 1970. */
  readonly now: number;
  /** True after the first Ctrl-C. */
  readonly stopping: boolean;
  /** No progress bar. */
  readonly still?: boolean;
}

export function RunScreen(props: RunScreenProps): ReactNode {
  const { state, columns, glyphs } = props;
  const wide = columns >= 60;
  return (
    <Box flexDirection="column" width={columns}>
      <Title {...props} />
      {wide ? <Stages {...props} /> : null}
      <Progress {...props} />
      {wide && state.steps.length > 1 ? <Curve {...props} /> : null}
      <Numbers {...props} />
      <Evaluations {...props} />
      {state.warnings.slice(-2).map(({ message }) => (
        <Line key={message} color={shadeOf('yellow', props.color)}>
          {glyphs.text(`warning: ${message}`)}
        </Line>
      ))}
      {state.end === null ? <Line dim>{keysWords(props.stopping, wide)}</Line> : null}
    </Box>
  );
}

function keysWords(stopping: boolean, wide: boolean): string {
  if (stopping) return 'saving and stopping; ctrl-c again ends at once';
  const first = 'ctrl-c saves and stops';
  return wide ? `${first}; the same command resumes later` : first;
}

interface LineProps {
  readonly children: string;
  readonly color?: string | undefined;
  readonly bold?: boolean;
  readonly dim?: boolean;
}

function Line({ children, color, bold = false, dim = false }: LineProps): ReactNode {
  return (
    <Text
      wrap="truncate-end"
      bold={bold}
      dimColor={dim}
      {...(color === undefined ? {} : { color })}
    >
      {sanitize(children)}
    </Text>
  );
}

function Title({ name, state: { plan }, glyphs, columns }: RunScreenProps): ReactNode {
  if (plan === null) return <Line bold>{name}</Line>;
  const parts = columns >= 60 ? [name, plan.model.name, plan.method] : [name, plan.model.name];
  return <Line bold>{glyphs.text(parts.join(' · '))}</Line>;
}

function Stages({ spec, state, columns, glyphs }: RunScreenProps): ReactNode {
  return <Line>{glyphs.text(stageLine(liveStages(spec, state), columns))}</Line>;
}

function Progress({ state, columns, glyphs, color, now, still }: RunScreenProps): ReactNode {
  const { step, stage } = state;
  const inTraining = isTraining(state);
  const share =
    inTraining && step !== null
      ? step.step / step.totalSteps
      : stage?.done !== undefined && stage.total
        ? stage.done / stage.total
        : null;
  const width = Math.max(8, Math.min(40, columns - 44));
  const words = inTraining ? trainingWords(state) : stageWords(state, now);
  const text = glyphs.text(words);
  if (share === null || columns < 60) return <Line>{text}</Line>;
  if (still) return <Line>{`${percent(share, 0)}  ${text}`}</Line>;
  const shade = shadeOf('yellow', color);
  return (
    <Text wrap="truncate-end">
      <Text {...(shade === undefined ? {} : { color: shade })}>{bar(share, width, glyphs)}</Text>
      {` ${percent(share, 0).padStart(5)}  ${text}`}
    </Text>
  );
}

/**
 * True unless a stage that began after the newest step, such as an evaluation or a save, is still
 * running.
 */
function isTraining({ step, stage, end }: RunState): boolean {
  if (step === null || end !== null || step.step === step.totalSteps) return false;
  return (
    stage === null || stage.state === 'Done' || stage.stage === 'Train' || stage.time < step.time
  );
}

function trainingWords(state: RunState): string {
  const { step } = state;
  if (step === null) return '';
  const left = secondsLeft(state);
  const eta = left === null ? '' : ` · ${seconds(left)} left`;
  return `step ${step.step}/${step.totalSteps}${eta}`;
}

const stageNames = {
  Resolve: 'finding',
  Fetch: 'fetching',
  Verify: 'verifying',
  Prepare: 'preparing',
  Load: 'loading the model',
  Train: 'training',
  Evaluate: 'evaluating',
  Export: 'writing results',
  Upload: 'uploading',
} as const;

function stageWords({ stage, end, plan, step }: RunState, now: number): string {
  if (end !== null) return end.type === 'failure' ? 'failed' : 'done';
  if (stage === null) return 'starting';
  const isFirst = plan !== null && step === null && stage.state === 'Done';
  if (isFirst && plan.totalSteps > 0)
    return `step ${plan.firstStep + 1}/${plan.totalSteps}${sinceWords(stage.time, now)}`;
  const what = [stageNames[stage.stage], stage.subject].filter((part) => part !== undefined);
  const amount =
    stage.done === undefined ? '' : ` ${amountOf(stage.done, stage.total, stage.unit)}`;
  const waiting = stage.state === 'Done' ? '' : sinceWords(stage.time, now);
  return `${what.join(' ')}${amount}${waiting}`;
}

/** A wait that is long enough to show. */
function sinceWords(time: number, now: number): string {
  const since = now - time;
  return since >= 2 ? ` · ${seconds(since)}` : '';
}

function amountOf(done: number, total: number | undefined, unit: string | undefined): string {
  const write = unit === 'Bytes' ? bytes : count;
  const of = total === undefined ? '' : ` of ${write(total)}`;
  const what = unit === undefined || unit === 'Bytes' ? '' : ` ${unit.toLowerCase()}`;
  return `${write(done)}${of}${what}`;
}

const plotHeight = 6;

/** Fewest rows for the whole screen; in a lower window it would scroll. */
export const fewestRows = 17;

function Curve({ state: { steps }, columns, glyphs }: RunScreenProps): ReactNode {
  const mean = meanOver(steps.length);
  const points = trailingMeans(
    steps.map(({ step, loss }) => ({ x: step, y: loss ?? Number.NaN })),
    mean,
  );
  const finite = points.filter(({ y }) => Number.isFinite(y));
  const [first, last] = [finite[0], finite.at(-1)];
  if (first === undefined || last === undefined) return null;
  const { least, greatest } = boundsOf(finite);
  const width = Math.min(100, columns - 10);
  const lines = plot(points, { width, height: plotHeight }, glyphs);
  const label = (row: number): string => {
    if (row === 0) return greatest.toFixed(3);
    return row === plotHeight - 1 ? least.toFixed(3) : '';
  };
  return (
    <Box flexDirection="column">
      {lines.map((line, row) => (
        // Rows have no identity other than their index.
        // biome-ignore lint/suspicious/noArrayIndexKey: the number of rows is fixed
        <Line key={row}>{`${label(row).padStart(7)} ${glyphs.text('┤')}${line}`}</Line>
      ))}
      <Line dim>{glyphs.text(`   loss └ step ${first.x} to ${last.x}${meanWords(mean)}`)}</Line>
    </Box>
  );
}

/** The loss of a step depends on its batch; a mean over a sixth of the steps shows the trend. */
function meanOver(steps: number): number {
  return Math.max(1, Math.min(20, Math.floor(steps / 6)));
}

function meanWords(mean: number): string {
  return mean === 1 ? '' : `, mean of ${mean} steps`;
}

function Numbers({ state: { step, plan }, columns, glyphs }: RunScreenProps): ReactNode {
  if (step === null) {
    if (plan === null) return null;
    return <Line>{glyphs.text(`memory ${predictedWords(plan)}`)}</Line>;
  }
  const speed = `loss ${real(step.loss)} · ${count(Math.round(step.tokensPerSecond))} tok/s`;
  if (columns < 60) return <Line>{glyphs.text(speed)}</Line>;
  const more = `learning rate ${step.learningRate.toExponential(1)} · gradient ${real(step.gradNorm, 2)}`;
  const memory = memoryWords(step.memory, plan === null ? undefined : trainingPeak(plan));
  return (
    <>
      <Line>{glyphs.text(`${speed} · ${more}`)}</Line>
      <Line>{glyphs.text(`memory ${memory}`)}</Line>
    </>
  );
}

function Evaluations({ state: { evaluations, plan }, glyphs }: RunScreenProps): ReactNode {
  const first = evaluations[0];
  const last = evaluations.at(-1);
  if (first === undefined || last === undefined) return null;
  const now = `${real(last.loss)} at step ${last.step}`;
  const text = last === first ? now : `${real(first.loss)} at step ${first.step} → ${now}`;
  const figure = taskFigure(last === first ? [last] : [first, last], plan?.task);
  return (
    <>
      <Line>{glyphs.text(`held out ${text}`)}</Line>
      {figure === undefined ? null : <Line>{glyphs.text(`held out ${figure}`)}</Line>}
    </>
  );
}
