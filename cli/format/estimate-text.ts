// `anneal estimate` as text: what is trained, memory by device, memory of each change, time by device.
import type { Estimate, MemoryRow } from '../commands/estimate.ts';
import { changesInWords } from '../estimate/what-if.ts';
import { bytes, count, percent, seconds, short } from './numbers.ts';
import { table } from './table.ts';

export function estimateText(found: Estimate): string {
  const lines = [
    ...planLines(found),
    '',
    ...memoryTable('memory of one device, GiB', found.devices),
    ...(found.whatIf.rows.length === 0
      ? []
      : ['', ...memoryTable(`on ${found.whatIf.device}`, found.whatIf.rows)]),
    '',
    ...timeTable(found),
    ...suggestionLines(found),
  ];
  return `${lines.join('\n')}\n`;
}

function planLines({ model, method, steps, tokensPerStep, ranks, ...rest }: Estimate) {
  const stored = Object.entries(model.storedBytes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([type, size]) => `${type} ${bytes(size)}`);
  const share = rest.trainedParameters / model.parameters;
  const long = steps === undefined ? 'steps follow from the data' : `${count(steps)} steps`;
  return [
    `model   ${model.place}`,
    `        ${model.family}, ${short(model.parameters)} parameters, stored as ${stored.join(', ')}`,
    `method  ${method}`,
    `        ${short(rest.trainedParameters)} trained parameters (${percent(share)})`,
    `steps   ${long} of up to ${count(tokensPerStep)} tokens${ranks > 1 ? ` on ${ranks} devices` : ''}`,
  ];
}

function memoryTable(title: string, rows: readonly MemoryRow[]): readonly string[] {
  const parts = ['weights', 'grads', 'state', 'activations', 'work'];
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

function gib(value: number): string {
  const amount = value / 2 ** 30;
  return amount.toFixed(amount < 10 ? 2 : 1);
}

function timeTable({ times, steps, assumedShareOfPeak }: Estimate): readonly string[] {
  if (times.length === 0) {
    return ['time    not known for these devices before a run has measured it'];
  }
  const assumed = `time, GPUs at ${percent(assumedShareOfPeak, 0)} of their peak`;
  const rows = times.map((row) => [
    row.measured ? `${row.device}, measured` : row.device,
    short(row.tokensPerSecond),
    timeWords(row.seconds),
  ]);
  const head = [assumed, 'tokens/s', steps === undefined ? 'all' : `${count(steps)} steps`];
  return table([head, ...rows]);
}

function suggestionLines({ fits, suggestion, whatIf }: Estimate): readonly string[] {
  if (fits) return [];
  const verdict = `does not fit on ${whatIf.device}`;
  if (suggestion === undefined) return ['', `${verdict}; no single change needs less memory`];
  const { changes, peak } = suggestion;
  const then = suggestion.fits ? 'and fits' : 'the least of all single changes, and does not fit';
  return ['', verdict, `hint: with ${changesInWords(changes)} it needs ${bytes(peak)}, ${then}`];
}

function timeWords(value: number | undefined): string {
  if (value === undefined) return 'depends on the data';
  return value < 1 ? 'under 1 s' : seconds(value);
}
