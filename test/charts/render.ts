// The chart as Helm renders it, without a cluster.
import { join } from 'node:path';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { helm } from '../setup/helm.ts';

const chart = join(import.meta.dirname, '../../charts/anneal');

/** Newest release that the chart was tried with; a template may ask which one it is for. */
const kubeVersion = '1.37.2';

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // Tests look into objects of every kind.
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is tested
  readonly [key: string]: any;
}

export const release = { name: 'prod', namespace: 'anneal-system' } as const;

/**
 * Without the definition of FineTuneJob unless the values speak of it: reading its 4,000 lines is
 * most of the time.
 */
export async function render(values: object = {}): Promise<readonly Rendered[]> {
  const text = await renderText({ crds: { install: false }, ...values });
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0];
      return document.toJS() as Rendered | null;
    })
    .filter((each) => each !== null);
}

export async function renderText(values: object = {}): Promise<string> {
  const where = ['--namespace', release.namespace, '--kube-version', kubeVersion];
  return run(['template', release.name, chart, ...where, '--values', '-'], values);
}

/** What Helm says to values that it refuses. */
export async function refusal(values: object): Promise<string> {
  try {
    await renderText(values);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  throw new Error('the values were accepted');
}

class Refused extends Error {}

export function lint(values: object = {}): Promise<string> {
  return run(['lint', chart, '--strict', '--kube-version', kubeVersion, '--values', '-'], values);
}

async function run(args: readonly string[], values: object): Promise<string> {
  const input = JSON.stringify(values);
  const ran = await execa(await helm(), [...args], { input, reject: false });
  if (ran.failed) throw new Refused(`${ran.stderr}\n${ran.stdout.slice(-2000)}`.trim());
  return ran.stdout;
}

export function ofKind(objects: readonly Rendered[], ...kinds: readonly string[]) {
  return objects.filter(({ kind }) => kinds.includes(kind));
}

export function only(objects: readonly Rendered[], kind: string, name?: string): Rendered {
  const found = ofKind(objects, kind).filter(
    ({ metadata }) => name === undefined || metadata.name === name,
  );
  if (found.length !== 1) throw new Error(`${found.length} objects are ${kind} ${name ?? ''}`);
  return found[0]!;
}
