// The summary that a run leaves on the screen: its losses, a sample, the path of the result, next
// steps. Everything comes from the report of the run, so each number was measured.
import { basename, dirname } from 'node:path';
import type { Model } from '../../crds/api/model.ts';
import type { Source } from '../../crds/api/source.ts';
import { evaluationWords } from '../../crds/evaluation/in-words.ts';
import type { FineTuneJobSpec, RunReport } from '../../crds/index.ts';
import { sanitize } from '../../crds/text/sanitize.ts';
import { reloadWords } from '../jobs/message-lines.ts';
import { type Task, taskFigure } from '../jobs/task-figure.ts';
import { bytes, count, real, seconds } from '../terminal/numbers.ts';
import { entry } from '../terminal/wrap.ts';
import type { EndedRun, RunView } from './run-view.ts';

const column = 12;

export function summaryLines(ended: EndedRun, width: number, command: string): readonly string[] {
  return linesFor(ended, width, command).map(sanitize);
}

function linesFor(ended: EndedRun, width: number, command: string): readonly string[] {
  const { run, outcome, report } = ended;
  const { name } = run.record;
  if (outcome.type === 'Stopped') {
    return [
      `‖ ${name} stopped; the same command resumes from the last checkpoint`,
      `  ${run.folder}`,
    ];
  }
  if (outcome.type === 'Failed') return [`✗ ${name} failed; what it wrote is in ${run.folder}`];
  if (report === null) return [`✓ ${name} done; it left no report in ${run.folder}`];
  const row = (label: string, text: string): readonly string[] =>
    entry(label, text, { width, column });
  const { training, memory } = report;
  const speed = training.tokensPerSecond;
  return [
    `✓ ${name} ${doneWords(training)} ${timeWords(report)}`,
    ...row('loss', lossWords(report, run.record.spec)),
    ...(report.result?.choice === 'Best' ? row('published', report.result.why) : []),
    ...(speed === undefined ? [] : row('speed', `${count(Math.round(speed))} tokens a second`)),
    ...row('memory', memoryWords(memory)),
    ...report.artifacts.flatMap((artifact) => [
      ...row('result', artifactWords(artifact)),
      ...(artifact.evaluation === undefined
        ? []
        : row('evaluated', evaluationWords(artifact.evaluation))),
    ]),
    ...(report.pictures === undefined
      ? []
      : row('pictures', `${picturesSay(run.record.spec)} side by side: ${report.pictures}`)),
    ...report.artifacts.flatMap(({ uris = [] }) => uris.flatMap((uri) => row('uploaded', uri))),
    ...sampleLines(report, run.record.spec, width),
    ...nextLines(ended, report, width, command),
  ];
}

function picturesSay({ model }: FineTuneJobSpec): string {
  if (model.task === 'Tracking') return 'the object, and where it was found,';
  if (model.task !== 'Denoising') return 'input, output and target';
  return model.initialization === 'FromScratch'
    ? 'noise and what is made of it'
    : 'noise and what is made of it before and after';
}

function doneWords({ steps, totalSteps }: RunReport['training']): string {
  return totalSteps === 0 ? 'wrote the base' : `trained ${steps} of ${totalSteps} steps`;
}

/** Total of all processes of the run. */
function timeWords({ seconds: took, end }: RunReport): string {
  const since =
    end.resumedFrom > 0 ? ` over several starts, the last after step ${end.resumedFrom}` : '';
  return `in ${seconds(took.total)}${since}`;
}

/** The loss after training is that of the published state; beside it the figure of the task. */
function lossWords(
  { evaluation, training, dataset, result }: RunReport,
  spec: FineTuneJobSpec,
): string {
  const { before, best } = evaluation;
  const { task } = spec.model;
  if (training.totalSteps === 0) return baseWords(before, dataset, task);
  const after = result?.choice === 'Best' ? best : evaluation.after;
  if (before === undefined || after === undefined) {
    return `${real(training.firstLoss)} at the first step, ${real(training.lastLoss)} at the last; no records were held out`;
  }
  const held = `on ${dataset.heldOutSamples} held-out records`;
  const loss = `${real(before.loss)} before, ${real(after.loss)} after`;
  return `${loss} ${held}${figureOf([before, after], task)}`;
}

type Measured = NonNullable<RunReport['evaluation']['before']>;

function baseWords(
  before: RunReport['evaluation']['before'],
  { heldOutSamples }: RunReport['dataset'],
  task: Task | undefined,
): string {
  if (before === undefined) return 'not measured; no records were held out';
  return `${real(before.loss)} on ${heldOutSamples} held-out records${figureOf([before], task)}`;
}

/** Behind the loss: the figure of the task, of language models the perplexity. */
function figureOf(all: readonly Measured[], task: Task | undefined): string {
  const own = taskFigure(all, task);
  if (own !== undefined) return ` (${own})`;
  // Noise has no labels, which are right or wrong.
  if (all.every(({ perplexity }) => perplexity === null)) return '';
  return ` (perplexity ${all.map(({ perplexity }) => real(perplexity, 2)).join(' → ')})`;
}

function memoryWords(memory: RunReport['memory']): string {
  const { measured, predicted, device, publish, together } = memory;
  if (together !== undefined) {
    const others = together.runs === 2 ? 'another job' : `${together.runs - 1} other jobs`;
    return peakWords(measured.peak, together.predicted, ` with ${others}`);
  }
  const host = device === undefined ? '' : ' of the host';
  const own = peakWords(measured.peak, predicted?.peak, host);
  const training =
    device === undefined
      ? own
      : `${peakWords(device.measured.peak, device.predicted?.peak, ' of the device')}; ${own}`;
  const written = publish?.measured ?? 0;
  if (publish === undefined || written <= measured.peak) return training;
  const words = `${bytes(written)} to write the result, ${bytes(publish.predicted)} predicted`;
  return `${training}; ${words}`;
}

function peakWords(measured: number, predicted: number | undefined, where: string): string {
  const peak = `${bytes(measured)}${where} at most`;
  return predicted === undefined ? peak : `${peak}, ${bytes(predicted)} predicted`;
}

function artifactWords({
  format,
  path,
  bytes: size,
  contents,
  reload,
}: RunReport['artifacts'][number]): string {
  const check = reload === undefined ? '' : `, ${reloadWords(reload)}`;
  const types = contents === undefined ? '' : `, ${contentsWords(contents)}`;
  return `${format}, ${bytes(size)}${types}${check}: ${path}`;
}

type Contents = NonNullable<RunReport['artifacts'][number]['contents']>;

function contentsWords({ tensors, replaced, bitsPerWeight }: Contents): string {
  const counts = Object.entries(tensors).map(([type, count]) => `${count} in ${type}`);
  const notes = replaced.map(
    ({ wanted, type, columns, tensors: count }) =>
      `; ${count} in ${type} because ${wanted} takes no rows of ${columns}`,
  );
  return `${real(bitsPerWeight, 2)} bits a weight (${counts.join(', ')}${notes.join('')})`;
}

/** Of a prompt, or of a held-out record. */
function sampleLines(
  { samples }: Pick<RunReport, 'samples'>,
  { training, model }: FineTuneJobSpec,
  width: number,
): readonly string[] {
  const isAsked = training.samples !== undefined;
  const label = isAsked ? 'asked' : model.task === 'SpeechToText' ? 'said' : 'held out';
  return samples.slice(0, 1).flatMap((sample) => oneSample(label, sample, width));
}

function oneSample(
  label: string,
  { prompt, before, after }: RunReport['samples'][number],
  width: number,
): readonly string[] {
  const row = (label: string, text: string | undefined): readonly string[] =>
    text === undefined ? [] : entry(label, flat(text), { width, column });
  return ['', ...row(label, prompt), ...row('before', before), ...row('after', after)];
}

/** As one paragraph. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function nextLines(
  ended: EndedRun,
  report: RunReport,
  width: number,
  command: string,
): readonly string[] {
  const { file, run } = ended;
  const { preset, adapter } = run.record.spec.method;
  const steps = 4 * report.training.totalSteps;
  const suggestions: readonly (readonly [string, string])[] = [
    ...(steps === 0 ? [] : [['longer', `${command} run ${file} --steps ${steps}`] as const]),
    ...initLine(run, command),
    ['method', `${command} explain ${preset ?? adapter?.type ?? 'Full'}`],
    ...pythonLine(ended, report),
  ];
  return [
    '',
    'Try next',
    ...suggestions.flatMap(([label, text]) => entry(label, text, { width, column })),
  ];
}

/**
 * None for texts with a class, pictures that are made or restored, sounds and films: init does not
 * write their job files.
 */
function initLine({ record }: EndedRun['run'], command: string): [string, string][] {
  const { source, task } = record.spec.model;
  if (task !== undefined && withoutInit.has(task)) return [];
  const data = task === 'ImageClassification' ? '--goal pictures --data FOLDER' : '--data FILE';
  return [['your data', `${command} init --model ${sourceText(source)} ${data}`]];
}

const withoutInit: ReadonlySet<NonNullable<Model['task']>> = new Set([
  ...(['SequenceClassification', 'Denoising', 'Restoration', 'SpeechToText'] as const),
  ...(['ContrastiveImageText', 'Tracking'] as const),
]);

/** A source in one word, in the notation of `init`. */
function sourceText({ huggingFace, s3, persistentVolumeClaim: claim, local }: Source): string {
  if (huggingFace !== undefined) return huggingFace.repository;
  if (claim !== undefined) return `claim:${claim.claimName}/${claim.path}`;
  return s3?.uri ?? local?.path ?? 'MODEL';
}

/**
 * Code that loads the result with transformers and PEFT; a GGUF base is named by folder and file,
 * and one that was cut out of another model by the name of that one.
 */
function pythonLine({ run, model }: EndedRun, report: RunReport): [string, string][] {
  const adapter = report.artifacts.find(({ format }) => format === 'PEFTAdapter');
  if (adapter === undefined) return [];
  const { huggingFace } = run.record.spec.model.source;
  const isFile = model?.whole === undefined && model?.path.endsWith('.gguf') === true;
  const here = isFile ? dirname(model.path) : model?.path;
  const location = model?.whole ?? huggingFace?.repository ?? here;
  if (location === undefined) return [];
  const file = isFile ? `, gguf_file=${JSON.stringify(basename(model.path))}` : '';
  const { labels } = run.record.spec.dataset;
  const { task = 'CausalLM' } = run.record.spec.model;
  // No library has its class: the module is that of its authors, or one of one's own, with the
  // weights of the base.
  if (task === 'Restoration' || task === 'Tracking') {
    return [
      ['in Python', `model = PeftModel.from_pretrained(network, ${JSON.stringify(adapter.path)})`],
    ];
  }
  const isCompared = task === 'ContrastiveImageText';
  const more = labels === undefined || isCompared ? file : `, num_labels=${labels.length}`;
  const head = `For${task === 'SpeechToText' ? 'SpeechSeq2Seq' : task}`;
  const base = `model = AutoModel${isCompared ? '' : head}.from_pretrained(${JSON.stringify(location)}${more})`;
  const whole = `model = PeftModel.from_pretrained(model, ${JSON.stringify(adapter.path)})`;
  return [['in Python', `${base}\n${whole}`]];
}

/** Only the summary: for scripts that need no progress. */
export function runSummary(write: (line: string) => void, command = 'anneal'): RunView {
  return {
    begin() {},
    see() {},
    end(ended) {
      for (const line of summaryLines(ended, 100, command)) write(line);
    },
  };
}
