// Writes finetunejob.md, failures.md and combinations.md in docs/reference: `node
// crds/explain/print-reference.ts`. A test compares the files with its output, so the pages always
// match the schemas, the table of failures and the rules.
import { writeFileSync } from 'node:fs';
import { conditionReasons, type ReasonMeaning } from '../api/condition-reasons.ts';
import { conditionMeaning } from '../api/conditions.ts';
import { commandFailures } from '../failures/command.ts';
import { inputFailures } from '../failures/input.ts';
import { runtimeFailures } from '../failures/runtime.ts';
import { sourceFailures } from '../failures/source.ts';
import { type Failure, type RetryClass, workerExits } from '../failures/table.ts';
import { apiVersion, kind } from '../names/group.ts';
import { markdownTable } from '../text/markdown-table.ts';
import { rendezvousCauses } from '../wire/rendezvous-causes.ts';
import { combinationsPage } from './combinations-page.ts';
import { type FieldDoc, fieldDocs } from './explain.ts';

const header = '<!-- Printed by `node crds/explain/print-reference.ts`. Do not edit. -->\n';

export const referenceFiles = {
  job: new URL('../../docs/reference/finetunejob.md', import.meta.url),
  failures: new URL('../../docs/reference/failures.md', import.meta.url),
  combinations: new URL('../../docs/reference/combinations.md', import.meta.url),
};

/** Objects of the Pod API; the reference of Kubernetes describes them. */
const foreign = ['spec.worker.affinity', 'spec.worker.topologySpreadConstraints'];

export function printJobReference(): string {
  const docs = [...fieldDocs().values()];
  const described = docs.filter(({ path, description }) => /^metadata\./.test(path) && description);
  const metadata = ['## metadata', fieldTable('metadata', described)];
  const parts = ['spec', 'status'].flatMap((root) => [
    `## ${root}`,
    docs.find(({ path }) => path === root)?.description ?? '',
    ...childrenOf(root, docs).flatMap((child) => section(child, docs)),
  ]);
  const intro = [
    `# Fields of a ${kind}`,
    `A job file has \`apiVersion: ${apiVersion}\`, \`kind: ${kind}\`, \`metadata\` with a \`name\`, and \`spec\`. A cluster adds`,
    '`status`. `anneal explain PATH` prints the same text for one field. The column *Changes* says when a field may be changed',
    'on a cluster; a job on one machine starts a new run instead. `[]` is each item of a list, `*` any name.',
  ];
  return `${header}\n${intro[0]}\n\n${intro.slice(1).join('\n')}\n\n${[...metadata, ...parts].join('\n\n')}\n`;
}

function section(top: FieldDoc, docs: readonly FieldDoc[]): readonly string[] {
  const inside = docs.filter(({ path }) => isBelow(path, top.path) && !isForeign(path));
  const rows = inside.filter(({ description }) => description !== '');
  const own = `${top.description} ${facts(top)}`.trim();
  return [`### ${top.path}`, own, ...(rows.length === 0 ? [] : [fieldTable(top.path, rows)])];
}

/** For a field without nested fields. */
function facts(doc: FieldDoc): string {
  if (doc.fields.length > 0) return doc.required ? 'Required.' : '';
  return `Takes ${doc.type}. ${defaultWords(doc)}Changes: ${changes[doc.mutability]}.`;
}

function defaultWords(doc: FieldDoc): string {
  if (doc.required) return 'Required. ';
  const value = defaultOf(doc);
  return value === '' ? '' : `Default: ${value}. `;
}

/** "Empty when absent" is misleading for an object: its fields have their own defaults. */
function defaultOf({ default: value }: FieldDoc): string {
  const words = value === undefined ? '{}' : JSON.stringify(value);
  return words === '{}' ? '' : code(words);
}

function fieldTable(top: string, docs: readonly FieldDoc[]): string {
  return markdownTable(
    ['Field', 'Takes', 'Default', 'Changes', 'Description'],
    docs.map((doc) => [
      code(doc.path.slice(top.length).replace(/^\./, '')),
      doc.type,
      doc.required ? 'required' : defaultOf(doc),
      doc.path.startsWith('status') ? '' : changes[doc.mutability],
      isForeign(`${doc.path}.`) ? `${doc.description} As in a Pod.` : doc.description,
    ]),
  );
}

const changes: Readonly<Record<FieldDoc['mutability'], string>> = {
  Immutable: 'never',
  Suspended: 'while suspended',
  Live: 'any time',
  LiveIfElastic: 'any time if elastic',
};

function childrenOf(path: string, docs: readonly FieldDoc[]): readonly FieldDoc[] {
  const names = docs.find((doc) => doc.path === path)?.fields ?? [];
  return docs.filter((doc) => names.includes(doc.path));
}

function isBelow(path: string, top: string): boolean {
  return path.startsWith(`${top}.`) || path.startsWith(`${top}[]`);
}

function isForeign(path: string): boolean {
  return foreign.some((each) => path !== each && (isBelow(path, each) || path === `${each}.`));
}

const groups: readonly (readonly [string, Readonly<Record<string, Failure>>])[] = [
  ['Input of the user', inputFailures],
  ['Sources and destinations: hubs, buckets, volumes, files', sourceFailures],
  ['While a job runs', runtimeFailures],
  ['Commands, this machine, and the cluster before a worker runs', commandFailures],
];

export function printCombinations(): string {
  return `${header}\n${combinationsPage()}\n`;
}

export function printFailureReference(): string {
  const all = groups.flatMap(([, failures]) => Object.entries(failures));
  const parts = [
    '# Failures',
    'Everything that can end or disturb a job, a worker or a command has a code. Messages say what was observed and what to do;\nthe code is in JSON output and in the status of a job. `anneal explain CODE` prints one row of this page. Rows about clusters,\nnodes or peers are reported by the operator.',
    ...groups.flatMap(([title, failures]) => [`## ${title}`, failureTable(failures)]),
    '## Exit codes of `anneal`',
    markdownTable(
      ['Exit', 'Codes'],
      [
        ['0', 'none: done'],
        ...byExit(all).map(([exit, codes]) => [exit, codes.map(code).join(', ')]),
      ],
    ),
    '## Exit codes of a worker',
    'For a Pod failure policy and the command line, which see only the exit code.',
    markdownTable(
      ['Exit', 'Meaning', 'Then'],
      workerExits.map(({ code: exit, meaning, retry }) => [String(exit), meaning, then[retry]]),
    ),
    '## Conditions of a job',
    'On a cluster, in `status.conditions`. A reason that is also a failure of this page has the same meaning.',
    markdownTable(['Condition', 'True means'], Object.entries(conditionMeaning)),
    'Reasons that only conditions have:',
    reasonTable(),
    '## Why a new rendezvous round is opened',
    'The events of a job on a cluster have these reasons, and `status.rendezvous` names what opened the last one.',
    markdownTable(
      ['Cause', 'Meaning', 'Counted against `maxRestarts`'],
      Object.entries(rendezvousCauses).map(([cause, { meaning, counted }]) => [
        ...[cause, meaning, counted ? 'yes' : 'no'],
      ]),
    ),
  ];
  return `${header}\n${parts.join('\n\n')}\n`;
}

function reasonTable(): string {
  const rows = Object.entries<Readonly<Record<string, ReasonMeaning>>>(conditionReasons).flatMap(
    ([type, reasons]) =>
      Object.entries(reasons).map(([reason, { meaning, remedy = '' }]) => {
        return [type, reason, meaning, remedy];
      }),
  );
  return markdownTable(['Condition', 'Reason', 'Meaning', 'What to do'], rows);
}

function failureTable(failures: Readonly<Record<string, Failure>>): string {
  return markdownTable(
    ['Code', 'Reason', 'Meaning', 'What to do', 'Then', 'Exit'],
    Object.entries(failures).map(
      ([name, { reason, meaning, remedy, retry, cliExit, workerExit }]) => [
        code(name),
        reason,
        meaning,
        remedy,
        then[retry],
        `${cliExit}, worker ${workerExit}`,
      ],
    ),
  );
}

const then: Readonly<Record<RetryClass, string>> = {
  Permanent: 'the job ends',
  Counted: 'restart, counted',
  MemoryLadder: 'restart with a smaller plan',
  Ignored: 'restart, not counted',
  InPlace: 'the process retries',
  None: 'nothing to restart',
};

function byExit(
  all: readonly (readonly [string, Failure])[],
): readonly (readonly [string, readonly string[]])[] {
  const exits = [...new Set(all.map(([, { cliExit }]) => cliExit))].toSorted((a, b) => a - b);
  return exits.map((exit) => [
    String(exit),
    all.filter(([, { cliExit }]) => cliExit === exit).map(([name]) => name),
  ]);
}

function code(text: string): string {
  return `\`${text}\``;
}

if (import.meta.main) {
  writeFileSync(referenceFiles.job, printJobReference());
  writeFileSync(referenceFiles.failures, printFailureReference());
  writeFileSync(referenceFiles.combinations, printCombinations());
}
