// A run as plain lines: for pipes, logs and terminals that cannot redraw. One line when something
// changes, and while training one line every few seconds.
import type { Telemetry, TelemetryOf } from '../../../crds/wire/telemetry.ts';
import { predictedWords } from '../../jobs/memory-words.ts';
import { emptyRun, type RunState, secondsLeft, see } from '../../jobs/run-state.ts';
import { harmless } from '../../terminal/harmless.ts';
import { bytes, count, percent, real, seconds } from '../../terminal/numbers.ts';
import { wrap } from '../../terminal/wrap.ts';
import { reloadWords, summaryLines } from '../../text/run-summary.ts';
import type { RunView } from '../../text/run-view.ts';

/** Seconds between two lines of steps. */
const stepLineSeconds = 3;

/** Columns where nobody says how many there are. */
const width = 100;

/** Prints lines; `write` gets each without its line end. */
export function runLines(write: (line: string) => void, command = 'anneal'): RunView {
  let state: RunState = emptyRun;
  let lastStepAt = Number.NEGATIVE_INFINITY;
  let said: string | undefined;
  return {
    begin({ record, folder }, continued) {
      write(`${record.name}: ${continued ? 'going on with' : 'new run'} ${folder}`);
    },
    see(message) {
      state = see(state, message);
      if (message.type !== 'step') {
        for (const line of linesOf(message)) write(line);
        return;
      }
      if (message.method !== undefined && message.method !== said) {
        said = message.method;
        write(harmless(`method     step ${message.step} · ${said}`));
      }
      const last = message.step === message.totalSteps;
      if (!last && message.time - lastStepAt < stepLineSeconds) return;
      lastStepAt = message.time;
      write(stepLine(message, secondsLeft(state)));
    },
    end(ended) {
      write('');
      for (const line of summaryLines(ended, width, command)) write(line);
    },
  };
}

/** What a message is worth in lines; none for progress within a stage, nor for a step. */
export function linesOf(message: Telemetry): readonly string[] {
  return wordsOf(message).map(harmless);
}

function wordsOf(message: Telemetry): readonly string[] {
  switch (message.type) {
    case 'stage': {
      // The line of the result tells more.
      if (message.state !== 'Done' || message.stage === 'Export') return [];
      const what = [message.subject, message.note].filter((part) => part !== undefined).join(': ');
      if (what === '') return [];
      return [`${message.stage.toLowerCase().padEnd(10)} ${what}`.trimEnd()];
    }
    case 'plan':
      return planLines(message);
    case 'evaluation': {
      const { step, loss, perplexity, accuracy } = message;
      const right =
        accuracy === undefined || accuracy === null ? '' : ` · ${percent(accuracy)} right`;
      return [
        `held out   step ${step} · loss ${real(loss)} · perplexity ${real(perplexity, 2)}${right}`,
      ];
    }
    case 'sample':
      return [`sample     step ${message.step} · ${message.prompt}`, ...indented(message.text)];
    case 'checkpoint':
      return [`checkpoint step ${message.step} · ${bytes(message.bytes)}`];
    case 'artifact': {
      const { format, path, bytes: size, report } = message;
      const check = report === undefined ? '' : ` · ${reloadWords(report)}`;
      return [`result     ${format} · ${bytes(size)}${check} · ${path}`];
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
  return [
    `plan       ${model.name} · ${model.family}, ${count(model.parameters)} parameters`,
    `           ${plan.method} · ${count(plan.trainableParameters)} trained (${share.toFixed(1)} %)`,
    `           ${plan.totalSteps} steps of up to ${count(plan.tokensPerStep)} tokens · ${plan.device}, ${processorWords(plan)}`,
    `           memory ${predictedWords(plan)} · ${blocksInWords(blocks)}`,
    ...(plan.firstStep > 0 ? [`           going on after step ${plan.firstStep}`] : []),
  ];
}

function blocksInWords({ keep, recompute, offload }: TelemetryOf<'plan'>['blocks']): string {
  const aside = offload > 0 ? `, ${offload} recomputed from a file` : '';
  return `${keep} blocks kept, ${recompute} recomputed${aside}`;
}

function processorWords({ threads = 1, workers = 1 }: TelemetryOf<'plan'>): string {
  return workers === 1 ? `${threads} threads` : `${workers} workers of ${threads} threads`;
}

function stepLine(message: TelemetryOf<'step'>, left: number | null): string {
  const { step, totalSteps, loss, tokensPerSecond, learningRate } = message;
  const parts = [
    `${String(step).padStart(String(totalSteps).length)}/${totalSteps}`,
    `loss ${real(loss)}`,
    `${count(Math.round(tokensPerSecond))} tok/s`,
    `lr ${learningRate.toExponential(1)}`,
    ...(left === null || step === totalSteps ? [] : [`${seconds(left)} left`]),
  ];
  return `step       ${parts.join(' · ')}`;
}

function indented(text: string): readonly string[] {
  return wrap(text, width, '           ').filter((line) => line !== '');
}
