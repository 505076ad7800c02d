// The run as scalars in TensorBoard's event files. Each process writes its own file, so a resumed
// run never changes that of a killed one. Steps that are repeated begin with a restart record, at
// which TensorBoard discards the old ones. A full disk costs points of a curve, not the run.
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../crds/clock.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import { isErrno } from '../files/errno.ts';
import { bytesPerStride, isKept } from './emit.ts';
import { type BoardEvent, eventRecord, fileHeader } from './event-file.ts';

export interface Board extends Disposable {
  see(message: TelemetryBody): void;
}

export const noBoard: Board = { see() {}, [Symbol.dispose]() {} };

interface BoardSettings {
  readonly folder: string;
  readonly clock: Clock;
  /** The settings of the job: the table of the tab "Text". */
  readonly settings: object;
}

/** The file is created with the first event: a run that ends before it trains leaves none. */
export function openBoard(
  { folder, clock, settings }: BoardSettings,
  stride = bytesPerStride,
): Board {
  const told = new Reduced(settings);
  let descriptor: number | undefined;
  let size = 0;
  const append = (data: Uint8Array): void => {
    try {
      descriptor ??= create(folder, clock);
      if (!appendWhole(descriptor, data, size)) return;
      size += data.length;
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    }
  };
  return {
    see(message) {
      if (message.type === 'step' && !isKept(message.step, size, stride)) return;
      const time = clock.now() / 1000;
      for (const event of told.eventsOf(message)) {
        if (size === 0) append(fileHeader(time));
        append(eventRecord({ ...event, time } as BoardEvent));
      }
    },
    [Symbol.dispose]() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/** Half a record would hide all later ones, so it is truncated again. */
function appendWhole(descriptor: number, data: Uint8Array, size: number): boolean {
  let written = 0;
  try {
    written = writeSync(descriptor, data);
  } finally {
    if (written < data.length) ftruncateSync(descriptor, size);
  }
  return written === data.length;
}

/**
 * TensorBoard reads the files of a folder in the order of their names: a later process gets a later
 * name, whatever its clock says.
 */
function create(folder: string, clock: Clock): number {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(folder).map((name) => /^events\.out\.tfevents\.(\d{10})\./.exec(name));
  const newest = Math.max(0, ...names.map((match) => Number(match?.[1] ?? 0)));
  const second = Math.max(Math.floor(clock.now() / 1000), newest + 1);
  const name = `events.out.tfevents.${String(second).padStart(10, '0')}.anneal`;
  return openSync(join(folder, name), 'ax');
}

type Untimed<T> = T extends unknown ? Omit<T, 'time'> : never;

class Reduced {
  readonly #settings: object;
  #evaluated: number | undefined;

  constructor(settings: object) {
    this.#settings = settings;
  }

  eventsOf(message: TelemetryBody): readonly Untimed<BoardEvent>[] {
    switch (message.type) {
      case 'plan': {
        const text = { type: 'text', step: message.firstStep, tag: 'settings' } as const;
        return [restartAfter(message.firstStep), { ...text, text: tableOf(this.#settings) }];
      }
      case 'step':
        return [{ type: 'scalars', step: message.step, values: stepValues(message) }];
      case 'evaluation':
        // After a rollback the evaluation of the restored step is repeated with the same result.
        if (this.#evaluated === message.step) return [];
        this.#evaluated = message.step;
        return [{ type: 'scalars', step: message.step, values: evaluationValues(message) }];
      case 'warning':
        return message.reason === 'RolledBack' && message.step !== undefined
          ? [restartAfter(message.step)]
          : [];
      default:
        return [];
    }
  }
}

/** A run that starts again discards everything, including the evaluation before the first step. */
function restartAfter(step: number): Untimed<BoardEvent> {
  return { type: 'restart', step: step === 0 ? 0 : step + 1 };
}

type BodyOf<T extends TelemetryBody['type']> = Extract<TelemetryBody, { type: T }>;
type Values = Extract<BoardEvent, { type: 'scalars' }>['values'];

/** Names as the Trainer of transformers gives them, so that curves can be compared. */
function stepValues(message: BodyOf<'step'>): Values {
  const { loss, gradNorm, learningRate, tokensPerSecond, stepMs, memory, regularization } = message;
  const added = regularization === undefined ? [] : [regularization ?? Number.NaN];
  return [
    ['train/loss', loss ?? Number.NaN],
    ...added.map((value) => ['train/regularization', value] as const),
    ['train/grad_norm', gradNorm ?? Number.NaN],
    ['train/learning_rate', learningRate],
    ['train/epoch', message.epoch],
    ['train/tokens_per_second', tokensPerSecond],
    ['train/step_seconds', stepMs.total / 1000],
    ['memory/resident_bytes', memory.now],
    ['memory/peak_bytes', memory.peak],
    ...divergenceValues(message),
    ...densityValues(message),
    ...expertValues(message),
  ];
}

function divergenceValues({ divergence }: BodyOf<'step'>): Values {
  return divergence === undefined ? [] : [['train/divergence', divergence ?? Number.NaN]];
}

function densityValues({ density }: BodyOf<'step'>): Values {
  if (density === undefined) return [];
  return [
    ['train/density', density.share],
    ['train/density_loss', density.loss],
  ];
}

function expertValues({ experts }: BodyOf<'step'>): Values {
  if (experts === undefined) return [];
  const { balance, shares } = experts;
  return [
    ['train/expert_balance', balance],
    ['train/smallest_expert_share', Math.min(...shares)],
    ['train/largest_expert_share', Math.max(...shares)],
  ];
}

function evaluationValues(message: BodyOf<'evaluation'>): Values {
  const { loss, perplexity, accuracy, likeness, wordErrors, overlap } = message;
  if (overlap !== undefined) {
    return [
      ['eval/loss', loss ?? Number.NaN],
      ['eval/iou', overlap ?? Number.NaN],
    ];
  }
  if (likeness !== undefined) {
    return [
      ['eval/loss', loss ?? Number.NaN],
      ['eval/psnr', likeness.psnr ?? Number.NaN],
      ['eval/ssim', likeness.ssim ?? Number.NaN],
    ];
  }
  return [
    ['eval/loss', loss ?? Number.NaN],
    ['eval/perplexity', perplexity ?? Number.NaN],
    ...(accuracy === undefined ? [] : [['eval/accuracy', accuracy ?? Number.NaN] as const]),
    ...(wordErrors === undefined
      ? []
      : [['eval/word_error_rate', wordErrors.errors / wordErrors.words] as const]),
  ];
}

/** A Markdown table for the tab "Text": `training.learningRate` and its value, line by line. */
function tableOf(settings: object): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const rows = leavesOf('', settings).map(([name, value]) => `| ${name} | ${cell(value)} |`);
  return ['| setting | value |', '| --- | --- |', ...rows].join('\n');
}

function leavesOf(path: string, value: unknown): readonly (readonly [string, string])[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  if (Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([name, member]) =>
    leavesOf(path === '' ? name : `${path}.${name}`, member),
  );
}
