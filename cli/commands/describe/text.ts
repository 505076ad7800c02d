// `anneal describe` as text: spec, workers, progress, state and its reason.
import { isTerminal, parseQuantity } from '../../../crds/index.ts';
import type { StageState } from '../../../crds/stages/stage-states.ts';
import { artifactLines } from '../../jobs/artifact-lines.ts';
import { type Job, keyOf, localNamespace, methodOf, modelOf, phaseOf } from '../../jobs/job.ts';
import type { JobEvent } from '../../jobs/source.ts';
import type { Why } from '../../jobs/why.ts';
import { curveSentence } from '../../metrics/curve-sentence.ts';
import type { Sample } from '../../metrics/history.ts';
import { ageOf, clockText } from '../../terminal/age.ts';
import { bytes, shortCount } from '../../terminal/numbers.ts';
import type { Paint } from '../../terminal/palette.ts';
import { styleOf } from '../../terminal/palette.ts';
import { entry } from '../../terminal/wrap.ts';
import { workersWords } from '../../text/job-columns.ts';
import { lossWords } from '../../text/loss-words.ts';
import { referenceWords, stageLine } from '../../text/stage-line.ts';

interface Described {
  readonly job: Job;
  readonly stages: readonly StageState[];
  readonly losses: readonly Sample[];
  readonly events: readonly JobEvent[];
  readonly why: Why;
}

interface DescribeStyle {
  readonly width: number;
  readonly now: Date;
  readonly paint: Paint;
}

const column = 13;

export function describeText(described: Described, style: DescribeStyle): string {
  const { job } = described;
  const { width, paint } = style;
  const phase = phaseOf(job);
  const mark = paint(`${styleOf(phase).glyph} ${phase}`, styleOf(phase));
  const row = (label: string, text: string | undefined): readonly string[] =>
    text === undefined || text === '' ? [] : entry(label, text, { width, column });
  const title = job.namespace === localNamespace ? job.name : keyOf(job);
  const lines = [
    `${paint(title, { bold: true })}  ${mark}`,
    ...section('What', whatRows(job, row)),
    ...section('Where', whereRows(job, row)),
    ...section('Stages', described.stages.flatMap(stageRows(row))),
    ...section('Now', nowRows(described, row, style)),
    ...section('Why', whyRows(described, row)),
  ];
  return `${lines.join('\n')}\n`;
}

/** What each stage makes of what. */
function stageRows(row: Row) {
  return ({ stage: { name, reads, writes } }: StageState): readonly string[] =>
    row(name, `${referenceWords(reads)} → ${referenceWords(writes)}`);
}

type Row = (label: string, text: string | undefined) => readonly string[];

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines];
}

function whatRows(job: Job, row: Row): readonly string[] {
  const { spec, status } = job;
  const { plan, model, dataset } = status;
  const { training } = spec;
  const long =
    training.maxSteps === undefined ? passesWords(training.epochs) : `${training.maxSteps} steps`;
  const data =
    dataset?.samples === undefined
      ? undefined
      : `${dataset.samples} records, ${shortCount(dataset.tokens)} tokens`;
  return [
    ...row('model', [modelOf(job), model?.family].filter(Boolean).join(', ')),
    ...row('method', plan?.method?.summary ?? methodOf(job).summary),
    ...row('data', data),
    ...row(
      'training',
      `${long}, ${batchWords(training)} a step, learning rate ${training.learningRate}`,
    ),
    ...row(
      'trained',
      plan?.trainableParameters === undefined
        ? undefined
        : `${shortCount(plan.trainableParameters)} of ${shortCount(plan.totalParameters)} parameters`,
    ),
    ...row('memory', plan?.memory === undefined ? undefined : memoryWords(plan.memory)),
  ];
}

type PlannedMemory = NonNullable<NonNullable<Job['status']['plan']>['memory']>;

function memoryWords({ peak, devices, leastDevice }: PlannedMemory): string | undefined {
  if (peak === undefined) return undefined;
  const of = devices === undefined ? '' : ` of ${devices}`;
  const where =
    leastDevice === undefined ? '' : `, on nodes with ${bytes(parseQuantity(leastDevice))} or more`;
  return `${bytes(parseQuantity(peak))}${of} planned${where}`;
}

function batchWords({ globalBatchSize, globalBatchTokens }: Job['spec']['training']): string {
  return globalBatchSize === undefined
    ? `${shortCount(globalBatchTokens)} tokens`
    : `${globalBatchSize} sequences`;
}

function passesWords(epochs = '1'): string {
  return Number(epochs) === 1 ? 'one epoch' : `${epochs} epochs`;
}

function whereRows(job: Job, row: Row): readonly string[] {
  const { spec, status, namespace, uid } = job;
  if (namespace === localNamespace) return row('folder', uid);
  const devices = spec.worker.devicesPerWorker;
  const each =
    devices === 0 ? 'the processor' : `${devices} ${devices === 1 ? 'GPU' : 'GPUs'} each`;
  return [
    ...row('workers', `${workersWords(job)} ready, ${each}`),
    ...(status.workers?.notReadyReasons ?? []).flatMap(({ reason, count, example }) =>
      row('', `${count} ${reason}${example === undefined ? '' : ` (${example})`}`),
    ),
    ...row(
      'world',
      status.rendezvous?.round === undefined
        ? undefined
        : `round ${status.rendezvous.round}, opened by ${openerWords(job)}`,
    ),
    ...row('queue', status.queue?.name),
    ...row('avoided', status.restarts?.excludedNodes?.join(', ')),
  ];
}

/**
 * The number of the worker that opened the round; any other opener is a process of the operator,
 * and its name means nothing to a user.
 */
function openerWords({ name, status }: Job): string {
  const by = status.rendezvous?.openedBy ?? '';
  return by.startsWith(`${name}-w`) ? by : 'the operator';
}

function nowRows({ job, stages, losses, events }: Described, row: Row, style: DescribeStyle) {
  const { status } = job;
  const { progress, checkpoint, restarts, conditions = [], artifacts = [] } = status;
  const step =
    progress?.step === undefined
      ? undefined
      : [
          `${progress.step} of ${progress.totalSteps ?? '?'}`,
          ...lossWords(status),
          ...(progress.tokensPerSecond === undefined
            ? []
            : [`${shortCount(Number(progress.tokensPerSecond))} tokens/s`]),
        ].join(', ');
  return [
    ...row('stages', stageLine(stages, style.width - column)),
    ...row('step', step),
    ...row('curve', curveSentence(losses)),
    ...row('until', isTerminal(phaseOf(job)) ? undefined : progress?.estimatedCompletionTime),
    ...row(
      'checkpoint',
      checkpoint?.latestStep === undefined
        ? undefined
        : `step ${checkpoint.latestStep}, ${checkpoint.latestURI ?? ''}`.replace(/, $/, ''),
    ),
    ...row(
      'restarts',
      restarts?.counted === undefined || restarts.counted === 0
        ? undefined
        : `${restarts.counted}, the last: ${restarts.lastCause ?? 'unknown'}`,
    ),
    ...artifacts.flatMap((artifact) => row('result', artifactLines(artifact).join('\n'))),
    ...conditions
      .filter(({ status: is }) => is === 'True')
      .flatMap(({ type, reason, lastTransitionTime }) =>
        row('condition', `${type}, ${reason}, for ${ageOf(lastTransitionTime, style.now)}`),
      ),
    ...events
      .slice(-5)
      .flatMap(({ time, reason, message, count }) =>
        row('event', `${clockText(time)} ${reason}${count > 1 ? ` ×${count}` : ''}: ${message}`),
      ),
  ];
}

function whyRows({ job, why: found }: Described, row: Row): readonly string[] {
  const { happened, doing } = found;
  // A job that succeeded has its results listed above.
  const change = phaseOf(job) === 'Succeeded' ? '' : found.change;
  return [...row('happened', happened), ...row('then', doing), ...row('change', change)];
}
