// Messages of a worker as plain lines: for a run that is printed, and for the log of an earlier
// one.
import { evaluationWords } from '../../crds/evaluation/in-words.ts';
import type { RunReport } from '../../crds/index.ts';
import { sanitize } from '../../crds/text/sanitize.ts';
import type { Telemetry, TelemetryOf } from '../../crds/wire/telemetry.ts';
import { bytes, count, percent, real } from '../terminal/numbers.ts';
import { wrap } from '../terminal/wrap.ts';
import { predictedWords } from './memory-words.ts';
import { taskFigure } from './task-figure.ts';

/** Columns where the terminal gives no width. */
export const lineWidth = 100;

/** The lines of a message; none for progress within a stage, nor for a step. */
export function linesOf(message: Telemetry): readonly string[] {
  return wordsOf(message).map(sanitize);
}

function wordsOf(message: Telemetry): readonly string[] {
  switch (message.type) {
    case 'stage': {
      // The line of the result says more.
      if (message.state !== 'Done' || message.stage === 'Export') return [];
      const what = [message.subject, message.note].filter((part) => part !== undefined).join(': ');
      if (what === '') return [];
      return [`${message.stage.toLowerCase().padEnd(10)} ${what}`.trimEnd()];
    }
    case 'plan':
      return planLines(message);
    case 'evaluation': {
      const { step, loss, perplexity, accuracy } = message;
      const measured = `held out   step ${step} · loss ${real(loss)}`;
      const figure = taskFigure([message], undefined);
      if (figure !== undefined) return [`${measured} · ${figure}`];
      // Noise has no labels, which are right or wrong.
      if (perplexity === null && accuracy === null) return [measured];
      const right =
        accuracy === undefined || accuracy === null ? '' : ` · ${percent(accuracy)} right`;
      return [`${measured} · perplexity ${real(perplexity, 2)}${right}`];
    }
    case 'sample':
      return [`sample     step ${message.step} · ${message.prompt}`, ...indented(message.text)];
    case 'checkpoint':
      return [`checkpoint step ${message.step} · ${bytes(message.bytes)}`];
    case 'artifact': {
      const { format, path, bytes: size, report, evaluation } = message;
      const check = report === undefined ? '' : ` · ${reloadWords(report)}`;
      return [
        `result     ${format} · ${bytes(size)}${check} · ${path}`,
        ...(evaluation === undefined ? [] : [`           ${evaluationWords(evaluation)}`]),
      ];
    }
    case 'warning':
      return [`warning: ${message.message}`];
    case 'step':
    case 'end':
    case 'failure':
      return [];
  }
}

function planLines(plan: TelemetryOf<'plan'>): readonly string[] {
  const { model, blocks } = plan;
  const share = (100 * plan.trainableParameters) / model.parameters;
  const where = `${plan.device}, ${processorWords(plan)}`;
  return [
    `plan       ${model.name} · ${model.family}, ${count(model.parameters)} parameters`,
    ...(plan.totalSteps === 0
      ? [`           ${plan.method} · ${where}`, `           memory ${predictedWords(plan)}`]
      : [
          `           ${plan.method} · ${count(plan.trainableParameters)} trained (${share.toFixed(1)} %)`,
          `           ${plan.totalSteps} steps of up to ${count(plan.tokensPerStep)} tokens · ${where}`,
          `           memory ${predictedWords(plan)} · ${blocksInWords(blocks)}`,
        ]),
    ...(plan.firstStep > 0 ? [`           resuming after step ${plan.firstStep}`] : []),
  ];
}

function blocksInWords({ keep, recompute, offload }: TelemetryOf<'plan'>['blocks']): string {
  const aside = offload > 0 ? `, ${offload} recomputed from a file` : '';
  return `${keep} blocks kept, ${recompute} recomputed${aside}`;
}

function processorWords({ threads = 1, workers = 1 }: TelemetryOf<'plan'>): string {
  return workers === 1 ? `${threads} threads` : `${workers} workers of ${threads} threads`;
}

function indented(text: string): readonly string[] {
  return wrap(text, lineWidth, '           ').filter((line) => line !== '');
}

/**
 * How closely the written result reproduces the trained model. Rounding moves single logits much
 * and predictions little.
 */
/** Values of pixels have no divergence, and are no logits. */
export function reloadWords({ largestLogitGap: gap, klDivergence: divergence }: Reload): string {
  const what = divergence === undefined ? 'values' : 'logits';
  if (gap === 0) return `read back with the same ${what}`;
  const apart = `${what} at most ${real(gap, gap !== null && gap < 0.01 ? 6 : 2)} apart`;
  if (divergence === undefined) return `read back with ${apart}`;
  return `read back with KL divergence ${real(divergence)}, ${apart}`;
}

type Reload = NonNullable<RunReport['artifacts'][number]['reload']>;
