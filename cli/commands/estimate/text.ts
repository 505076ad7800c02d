// `anneal estimate` as text: trained parameters, memory by device and by change, time by device.
import {
  type AttentionEntries,
  boundFactors,
  entryBound,
} from '../../../crds/wire/attention-entries.ts';
import type { Estimate, MemoryRow } from '../../estimate/estimate.ts';
import { changesInWords } from '../../estimate/what-if.ts';
import { bytes, count, percent, seconds, short } from '../../terminal/numbers.ts';
import { table } from '../../terminal/table.ts';
import { entry, wrap } from '../../terminal/wrap.ts';
import { plannedLine } from '../../text/stage-line.ts';

export function estimateText(found: Estimate): string {
  const lines = [
    ...planLines(found),
    '',
    ...memoryTable('GiB of one device', found.devices),
    ...(found.whatIf.rows.length === 0 ? [] : ['', ...whatIfTable(found.whatIf)]),
    ...stageTable(found),
    ...timeTable(found),
    ...attentionTable(found),
    ...suggestionLines(found),
    ...noteLines(found),
  ];
  return `${lines.join('\n')}\n`;
}

function planLines({ model, method, steps, tokensPerStep, ranks, exchange, ...rest }: Estimate) {
  const stored = Object.entries(model.storedBytes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([type, size]) => `${type} ${bytes(size)}`);
  const share = rest.trainedParameters / model.parameters;
  const most = rest.isMost ? 'at most ' : '';
  const long = steps === undefined ? 'as many as the data gives, each' : count(steps);
  const row = (label: string, text: string): readonly string[] =>
    entry(label, text, { width: 80, column: 8, indent: '' });
  return [
    ...row('model', model.source),
    ...row(
      '',
      `${model.family}, ${short(model.parameters)} parameters, stored as ${stored.join(', ')}`,
    ),
    ...row('method', method),
    ...(steps === 0
      ? []
      : [
          ...row(
            '',
            `${most}${short(rest.trainedParameters)} trained parameters (${percent(share)})`,
          ),
          ...row(
            'steps',
            `${long} of up to ${count(tokensPerStep)} tokens${ranks > 1 ? ` on ${ranks} devices` : ''}`,
          ),
          ...(ranks > 1 ? row('', exchangeWords(exchange)) : []),
        ]),
    ...row('stages', plannedLine(rest.stageNames, 72)),
  ];
}

function exchangeWords({ weights, gradients }: Estimate['exchange']): string {
  return `each device receives ${bytes(weights)} of weights and ${bytes(gradients)} of gradients a step, and sends as much`;
}

/** A change may be too long for the line of its numbers: it gets a line above them. */
function whatIfTable({ device, rows }: Estimate['whatIf']): readonly string[] {
  const [head = '', ...lines] = memoryTable(
    `on ${device}`,
    rows.map((row) => ({ ...row, name: '' })),
  );
  return [head, ...lines.flatMap((line, index) => [rows[index]?.name ?? '', line])];
}

function memoryTable(title: string, rows: readonly MemoryRow[]): readonly string[] {
  const parts = ['weights', 'grads', 'state', 'activ.', 'work'];
  const head = [title, ...parts, 'peak', 'limit', 'fits'];
  return table([
    head,
    ...rows.map(({ name, parts: memory, peak, limit, fits }) => [
      name,
      gib(memory.weights),
      gib(memory.gradients),
      gib(memory.optimizer),
      gib(memory.activations),
      gib(memory.workspace),
      gib(peak),
      gib(limit),
      fits ? 'yes' : 'no',
    ]),
  ]);
}

const stageWords = {
  ...{ Step: 'training step', Evaluate: 'evaluation', Sample: 'answers to prompts' },
  Decompose: 'factors of weights, before the first step',
  Teach: 'the pass of the teacher, before the first step',
  Publish: 'publishing, a process of its own',
} as const;

/** A single stage needs no table. */
function stageTable({ stages, ranks }: Estimate): readonly string[] {
  const { device, rows, host } = stages;
  const trains = ranks > 1 ? 'for each device that trains' : 'while the device trains';
  if (rows.length + host.length < 2) return [];
  const lines = [
    ...rows.map(({ stage, peak }) => [stageWords[stage], gib(peak)]),
    ...host.map(({ stage, peak }) => {
      const words = stage === 'Publish' ? stageWords.Publish : trains;
      return [`memory of the host, ${words}`, gib(peak)];
    }),
  ];
  return ['', ...table([[`GiB by stage, ${device}`, 'peak'], ...lines])];
}

function gib(value: number): string {
  const amount = value / 2 ** 30;
  return amount.toFixed(amount < 10 ? 2 : 1);
}

function timeTable({ times, devices, steps, assumedShareOfPeak }: Estimate): readonly string[] {
  if (steps === 0) return [];
  const known = times.map((row) => [
    row.measured ? `${row.device}, measured` : row.device,
    short(row.tokensPerSecond),
    timeWords(row.seconds),
    row.bandwidth === undefined ? '' : gigabytes(row.bandwidth),
  ]);
  const unknown = devices
    .filter(({ fits, name }) => fits && times.every(({ device }) => device !== name))
    .map(({ name }) => [name, '', 'known after a run', '']);
  const assumed = times.some(({ measured }) => !measured)
    ? `time at ${percent(assumedShareOfPeak, 0)} of the peak`
    : 'time';
  const head = [assumed, 'tokens/s', steps === undefined ? 'all' : `${count(steps)} steps`];
  const rows = [...unknown, ...known];
  if (rows.length === 0) return [];
  const exchanges = times.some(({ bandwidth }) => bandwidth !== undefined);
  if (!exchanges) return ['', ...table([head, ...rows.map((row) => row.slice(0, -1))])];
  return ['', ...table([[...head, 'exchange'], ...rows]), ...wrap(exchangeMeaning, 80)];
}

function gigabytes(bytesPerSecond: number): string {
  const amount = bytesPerSecond / 1e9;
  return `${amount.toFixed(amount < 10 ? 1 : 0)} GB/s`;
}

const exchangeMeaning =
  'The exchange of a step hides behind its computing where each device receives as much as this, in each direction; with less, devices wait.';

/** Whether anything faster than exact attention may be expected to be accurate for this model. */
function attentionTable({ attention }: Estimate): readonly string[] {
  const any = attention?.before ?? attention?.after;
  if (attention === undefined || any === undefined) return [];
  const { before, after } = attention;
  const number = (value: number | null | undefined): string =>
    value === undefined ? '' : value === null ? 'not finite' : value.toFixed(2);
  const row = (label: string, of: (entries: AttentionEntries) => string): readonly string[] => [
    label,
    before === undefined ? '' : of(before),
    after === undefined ? '' : of(after),
  ];
  const bound = entryBound(any.tokens).toFixed(2);
  const lines = table([
    ['attention, in the newest run', 'before', 'after'],
    row('largest entry of queries', ({ query }) => number(query)),
    row('largest entry of keys', ({ key }) => number(key)),
    ...boundFactors.map((factor, i) =>
      row(
        `of ${any.heads} heads above ${factor === 1 ? '' : `${factor} times `}the bound`,
        (entries) => String(entries.above[i] ?? ''),
      ),
    ),
  ]);
  const meaning = `The bound is the root of ln ${any.tokens}, ${bound}. For heads above it no approximation of attention in less than quadratic time is expected to be accurate, with an adapter or without; Anneal computes attention exactly.`;
  return ['', ...lines, ...wrap(meaning, 80)];
}

function suggestionLines({ fits, suggestion, whatIf }: Estimate): readonly string[] {
  if (fits) return [];
  const verdict = `does not fit on ${whatIf.device}`;
  if (suggestion === undefined) return ['', `${verdict}; no single change needs less memory`];
  const { changes, peak } = suggestion;
  const then = suggestion.fits ? 'and fits' : 'the least of all single changes, and does not fit';
  const hint = `with ${changesInWords(changes)} it needs ${bytes(peak)}, ${then}`;
  return ['', verdict, ...entry('hint:', hint, { width: 80, column: 6, indent: '' })];
}

function noteLines({ notes, unmeasured }: Estimate): readonly string[] {
  const guessed = unmeasured.map(({ name }) => name).join(', ');
  const rests = `not measured on a GPU yet: ${guessed}`;
  return [...notes, ...(guessed === '' ? [] : [rests])].flatMap((note) => [
    '',
    ...entry('note:', note, { width: 80, column: 6, indent: '' }),
  ]);
}

function timeWords(value: number | undefined): string {
  if (value === undefined) return 'depends on the data';
  return value < 1 ? 'under 1 s' : seconds(value);
}
