// `anneal explain` as text.
import {
  type AdapterGoal,
  adapterChoicesFor,
  denseAdapters,
  quantizedAdapters,
} from '../../../crds/explain/adapters.ts';
import type { MethodDoc } from '../../../crds/index.ts';
import { inWords } from '../../../crds/schema/text.ts';
import { short } from '../../terminal/numbers.ts';
import { entry, wrap } from '../../terminal/wrap.ts';
import { measuredLines, measuredWords } from './measured-text.ts';
import type { Explanation, FailureAbout, FieldAbout, Names } from './run.ts';

export function explanationText(found: Explanation, width: number): string {
  const parts = [
    ...found.methods.map((method) => methodLines(method, width)),
    ...found.fields.map((field) => fieldLines(field, width)),
    ...found.failures.map((failure) => failureLines(failure, width)),
    ...(found.adapters === undefined ? [] : [adaptersLines(found.adapters, width)]),
    ...(found.names === undefined ? [] : [namesLines(found.names, width)]),
  ];
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function methodLines(doc: MethodDoc, width: number): readonly string[] {
  const what = doc.kind === 'preset' ? 'preset' : `value of spec.method.${doc.kind}.type`;
  const column = 12;
  const { paper, parameters, measured } = doc;
  return [
    `${doc.name}, ${what}`,
    ...wrap(doc.summary, width, '  '),
    '',
    ...doc.sets.flatMap(([path, value], index) =>
      entry(index === 0 ? 'sets' : '', `${path}: ${value}`, { width, column }),
    ),
    ...(parameters === undefined
      ? []
      : entry('parameters', `anneal explain ${parameters}`, { width, column })),
    ...(paper === undefined
      ? []
      : entry('paper', `${paper.title}, arXiv ${paper.arxiv}`, { width, column })),
    ...(measured === undefined
      ? []
      : entry('measured', measuredWords(doc.name, measured), { width, column })),
  ];
}

function fieldLines(doc: FieldAbout, width: number): readonly string[] {
  const column = 12;
  const row = (name: string, text: string | undefined): readonly string[] =>
    text === undefined ? [] : entry(name, text, { width, column });
  return [
    `${doc.path}${doc.required ? ', required' : ''}`,
    ...wrap(doc.description, width, '  '),
    '',
    ...row('takes', doc.type),
    ...row('default', defaultWords(doc.default)),
    ...row('changes', changes[doc.mutability]),
    ...(doc.inside.length === 0 ? [] : ['', ...insideLines(doc, width)]),
  ];
}

function insideLines(doc: FieldAbout, width: number): readonly string[] {
  // Fields without a description are not for users: fields that a cluster sets, the items of a
  // list.
  const short = doc.inside
    .filter(({ description }) => description !== '')
    .map(({ path, description, required }) => ({
      name: path.slice(doc.path.length).replace(/^\./, ''),
      text: `${required ? 'Required. ' : ''}${description}`,
    }));
  const longest = Math.max(...short.map(({ name }) => name.length));
  const column = Math.min(26, longest + 2);
  return short.flatMap(({ name, text }) => entry(name, text, { width, column }));
}

/** "Empty when absent" is misleading for an object: its fields have their own defaults. */
function defaultWords(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const words = JSON.stringify(value);
  return words === '{}' ? undefined : words;
}

const changes: Readonly<Record<FieldAbout['mutability'], string>> = {
  Immutable: 'never, once the job exists',
  Suspended: 'while the job is suspended',
  Live: 'at any time',
  LiveIfElastic: 'at any time, when the job is elastic',
};

function failureLines(failure: FailureAbout, width: number): readonly string[] {
  const column = 12;
  return [
    `${failure.code}, condition reason ${failure.reason}`,
    ...wrap(failure.meaning, width, '  '),
    '',
    ...entry('remedy', failure.remedy, { width, column }),
    ...entry('then', retries[failure.retry], { width, column }),
    ...entry('exit codes', `${failure.cliExit} of anneal, ${failure.workerExit} of a worker`, {
      width,
      column,
    }),
  ];
}

const retries: Readonly<Record<FailureAbout['retry'], string>> = {
  Permanent: 'the job ends',
  Counted: 'the job starts again, up to its limit of restarts',
  MemoryLadder: 'the job starts again with a smaller plan',
  Ignored: 'the job starts again; it is not counted',
  InPlace: 'the same process retries',
  None: 'nothing: no job is running yet',
};

function adaptersLines(goals: readonly AdapterGoal[], width: number): readonly string[] {
  const [nameColumn, trainedColumn, bytesColumn] = [10, 9, 7];
  const row = (name: string, trained: string, gib: string, words: string): string =>
    `  ${name.padEnd(nameColumn)}${trained.padStart(trainedColumn)}${gib.padStart(bytesColumn)}  ${words}`.trimEnd();
  return [
    ...wrap(
      `Which adapter to take. Trained values and planned GiB with the defaults of each, for ${adapterChoicesFor}.`,
      width,
    ),
    '',
    row('', 'trained', 'GiB', ''),
    ...goals.flatMap(({ goal, choices }) => [
      goal,
      ...choices.map(({ type, trained, bytes, words }) =>
        row(type, short(trained), (bytes / 2 ** 30).toFixed(2), words),
      ),
    ]),
    '',
    ...measuredLines(
      goals.flatMap(({ choices }) => choices),
      width,
    ),
    '',
    ...wrap(
      `Any of them trains beside weights in fewer bits (method.base), but for ${inWords(denseAdapters(), 'and')}; ${inWords(quantizedAdapters(), 'and')} begins with what that loses. docs/methods.md says what measurements do not show; anneal explain NAME tells more.`,
      width,
    ),
  ];
}

function namesLines({ methods, fields, failures }: Names, width: number): readonly string[] {
  return [
    'anneal explain NAME explains each of:',
    '',
    'Methods',
    ...wrap(methods.join('  '), width, '  '),
    '',
    'Fields',
    ...wrap(fields.join('  '), width, '  '),
    '',
    'Failures',
    ...wrap(failures.join('  '), width, '  '),
  ];
}
