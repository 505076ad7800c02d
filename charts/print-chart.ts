// Prints values.yaml and values.schema.json of the chart, and docs/chart.md: `node
// charts/print-chart.ts`. A test compares the files with what this prints.
import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import * as z from 'zod';
import { chartValues } from './values/index.ts';

const made = 'Printed by `node charts/print-chart.ts`. Do not edit.';

export const chartFiles = {
  values: new URL('./anneal/values.yaml', import.meta.url),
  schema: new URL('./anneal/values.schema.json', import.meta.url),
  docs: new URL('../docs/chart.md', import.meta.url),
};

/** Prose of docs/chart.md, written by hand; the tables follow it. */
const guide = new URL('./guide.md', import.meta.url);

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly [key: string]: unknown;
}

export function valuesSchema(): Node {
  const schema = z.toJSONSchema(chartValues, { target: 'draft-7', io: 'input' });
  const { $schema, ...rest } = schema;
  // JSON Schema of zod and ours agree on the keys read here.
  return { $schema, title: 'Values of the chart anneal', description: made, ...rest } as Node;
}

export function printValuesSchema(): string {
  return `${JSON.stringify(valuesSchema(), undefined, 2)}\n`;
}

export function defaultValues(): unknown {
  return chartValues.parse({});
}

export function printValues(): string {
  return [`# ${made}`, ...lines(valuesSchema(), defaultValues(), '')].join('\n').concat('\n');
}

function lines(node: Node, value: unknown, indent: string): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const own = valueAt(value, key);
    if (own === undefined) return [];
    const comment = wrap(child.description ?? '', 98 - indent.length);
    const words = comment.map((line) => `${indent}# ${line}`);
    const gap = indent === '' ? [''] : [];
    if (!isLeaf(child)) {
      return [...gap, ...words, `${indent}${key}:`, ...lines(child, own, `${indent}  `)];
    }
    const text = stringify({ [key]: own }, { lineWidth: 0 })
      .trimEnd()
      .split('\n');
    return [...gap, ...words, ...text.map((line) => `${indent}${line}`)];
  });
}

export function printGuide(): string {
  const defaults = defaultValues();
  const tables = Object.entries(valuesSchema().properties ?? {}).flatMap(([key, child]) => {
    const own = valueAt(defaults, key);
    if (own === undefined || isLeaf(child)) return [];
    return ['', `### ${key}`, '', child.description ?? '', '', ...table(key, child, own)];
  });
  const top = Object.entries(valuesSchema().properties ?? {}).filter(
    ([key, child]) => isLeaf(child) && valueAt(defaults, key) !== undefined,
  );
  const general = top.map(([key, child]) => row(key, child, valueAt(defaults, key)));
  const head = ['', '### General', '', ...tableHead, ...general];
  return [`<!-- ${made} -->`, '', readFileSync(guide, 'utf8').trimEnd(), ...head, ...tables]
    .join('\n')
    .concat('\n');
}

const tableHead = ['| Value | Default | Meaning |', '| --- | --- | --- |'];

function table(path: string, node: Node, value: unknown): readonly string[] {
  return [...tableHead, ...rows(path, node, value)];
}

function rows(path: string, node: Node, value: unknown): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = `${path}.${key}`;
    const own = valueAt(value, key);
    return isLeaf(child) ? [row(at, child, own)] : rows(at, child, own);
  });
}

function row(path: string, node: Node, value: unknown): string {
  const shown = value === '' ? '' : `\`${JSON.stringify(value)}\``;
  const words = (node.description ?? '').replaceAll('|', '\\|');
  return `| \`${path}\` | ${shown} | ${words} |`;
}

/** Has no values of ours inside; requests and limits of a pod are shown as one value too. */
function isLeaf({ properties = {} }: Node): boolean {
  return Object.keys(properties).length === 0 || 'requests' in properties;
}

function valueAt(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function wrap(text: string, width: number): readonly string[] {
  const out: string[] = [];
  for (const word of text.split(' ')) {
    const last = out.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) out.push(word);
    else out[out.length - 1] = `${last} ${word}`;
  }
  return out;
}

if (import.meta.main) {
  writeFileSync(chartFiles.values, printValues());
  writeFileSync(chartFiles.schema, printValuesSchema());
  writeFileSync(chartFiles.docs, printGuide());
}
