// The role `kit`: what is kept of the records of an adapter, so that it can be moved to another
// base when they are gone: a few prompts, and a discriminator. Made from the job that trained it,
// while its records are there; the adapter itself is not needed.

import { recordsOf } from '../../crds/api/dataset.ts';
import { transferSpec } from '../../crds/api/transfer.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { type RunRecord, runFiles, runRecord } from '../../crds/wire/run-folder.ts';
import {
  type Discriminator,
  type PromptForm,
  transferFiles,
  transferKit,
} from '../../crds/wire/transfer.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { readModelHeaders } from '../decoder/model-headers.ts';
import { environmentOf } from '../prepare/environment.ts';
import { readBatches } from '../prepare/read-batches.ts';
import { modelPath, type ResolvedSource, resolveData } from '../prepare/resolve-source.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { choose, streamOf } from '../tensor/streams.ts';
import { setThreads } from '../tensor/threads.ts';
import { candidateTexts } from './candidates.ts';
import { together } from './decode-texts.ts';
import { areaUnderCurve, type Features, fitDiscriminator, probabilityOf } from './discriminator.ts';
import { featuresOf } from './hidden-features.ts';
import { type OpenBase, openBase, resolveBase } from './open-base.ts';
import { isSameForm, type TaskRecord, taskRecordOf } from './task-record.ts';

/** As many as in the paper. */
const seedCount = 5;
/** Of each class: the system of equations of the discriminator has twice as many rows. */
const mostPrompts = 200;
/** Of each class. */
const fewestPrompts = 8;
/** Every which one of a class the discriminator is judged on, and not fitted to. */
const heldOutEvery = 4;
/** Records that are read at most. */
const mostRecords = 10_000;
/** As transfers do it that say nothing else. */
const generation = transferSpec.shape.generation.parse({});
/** Generated lines of which as many as real prompts are wanted. */
const triesEach = 8;

export const kitRole: Role = async (context) => {
  const { folder, emit } = context;
  const run = await requireRecord(folder, runFiles.run, runRecord);
  setThreads(run.threads);
  const { dataset, model, training } = run.spec;
  const source = await resolveBase(model, run, context);
  const data = await environmentOf(run, context, 'data');
  const found = await resolveData(recordsOf(dataset), 'spec.dataset.train', data, context.stop);
  const records = await taskRecords(run, modelPath(source), found.files, context.stop);
  const form = withTemplate(records[0]?.form, run);
  const { chatTemplate, chatTemplateArguments } = dataset;
  const date = new Date(run.createdAt);
  const asked = { form, date, chatTemplate, chatTemplateArguments };
  using base = await openBase(source, run.device, asked, context);
  // A longer one is not generated either.
  const prompts = [...new Set(records.map(({ prompt }) => prompt))].filter(
    (prompt) => base.prompts.plain(prompt).length <= generation.maxTokens,
  );
  if (prompts.length < seedCount + fewestPrompts) throw tooFew(prompts.length);
  const most = Math.min(prompts.length, seedCount + mostPrompts);
  const drawn = choose(most, prompts.length, streamOf(training.seed, 'kit', 'prompts'));
  const chosen = drawn.map((at) => prompts[at] ?? '');
  const [seeds, real] = [chosen.slice(0, seedCount), chosen.slice(seedCount)];
  const known = new Set(prompts);
  const wanted = { seeds, known, count: real.length, run };
  const generated = await generatedPrompts(base, wanted, context);
  const discriminator = discriminatorOf(base, real, generated);
  emit({ type: 'stage', stage: 'Prepare', state: 'Done', note: inWords(discriminator) });
  await writeRecord(folder, transferFiles.kit, transferKit, {
    ...{ version: 1, clientData: ['seeds'], base: { digest: base.digest, name: base.name } },
    ...{ form, seeds, discriminator },
  });
};

async function taskRecords(
  { spec }: RunRecord,
  path: string,
  files: ResolvedSource['files'],
  signal: AbortSignal,
): Promise<readonly TaskRecord[]> {
  const { dataset } = spec;
  const { chatTemplate: own } = await modelTokenizer(readModelHeaders(path));
  const hasTemplate = (dataset.chatTemplate ?? own) !== undefined;
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const rules = { files: sorted, format: dataset.format, hasTemplate, onBytes: () => {} };
  const { batches } = await readBatches(rules, signal);
  const most = Math.min(mostRecords, dataset.maxSamples ?? mostRecords);
  const found: TaskRecord[] = [];
  let read = 0;
  for await (const { items } of batches) {
    for (const item of items.slice(0, most - read)) {
      const record = 'sample' in item ? taskRecordOf(item.sample) : null;
      const [first] = found;
      if (record === null || (first && !isSameForm(first.form, record.form))) continue;
      found.push(record);
    }
    read += items.length;
    if (read >= most) break;
  }
  return found;
}

function withTemplate(form: PromptForm | undefined, { spec }: RunRecord): PromptForm {
  if (form === undefined) throw tooFew(0);
  if (form.type !== 'Chat') return form;
  const { chatTemplate, chatTemplateArguments } = spec.dataset;
  return {
    ...form,
    ...(chatTemplate !== undefined && { chatTemplate }),
    ...(chatTemplateArguments !== undefined && { chatTemplateArguments }),
  };
}

interface Wanted {
  readonly seeds: readonly string[];
  /** Prompts of the task, which are none of a base however it comes to them. */
  readonly known: ReadonlySet<string>;
  readonly count: number;
  readonly run: RunRecord;
}

/** Lines that the base continues the seeds with, in the way in which transfers do later. */
async function generatedPrompts(
  base: OpenBase,
  { seeds, known, count, run }: Wanted,
  { emit, stop }: RoleContext,
): Promise<readonly string[]> {
  const { seed } = run.spec.training;
  const shared = { seeds, generation, seed, purpose: 'kit', signal: stop } as const;
  const found = new Set<string>();
  const report = { type: 'stage', stage: 'Prepare', unit: 'Records' } as const;
  const subject = 'generated prompts';
  for (let first = 0; found.size < count && first < triesEach * count; first += together) {
    for (const text of await candidateTexts(base, first, together, shared)) {
      if (text === null || text === '' || known.has(text)) continue;
      if (found.size < count) found.add(text);
    }
    emit({ ...report, state: 'Running', subject, done: found.size, total: count });
  }
  if (found.size < fewestPrompts) throw tooFewGenerated(base.name, found.size, triesEach * count);
  return [...found];
}

function discriminatorOf(
  base: OpenBase,
  real: readonly string[],
  generated: readonly string[],
): Discriminator {
  const features = (prompts: readonly string[]): readonly Features[] =>
    prompts.map((prompt) => featuresOf(base, prompt)).filter((one) => one !== null);
  const [a, b] = [parted(real), parted(generated)];
  const fitted = fitDiscriminator(features(a.fitted), features(b.fitted));
  const rated = (prompts: readonly string[]): readonly number[] =>
    features(prompts).map((one) => probabilityOf(fitted, one));
  const [of, other] = [rated(a.held), rated(b.held)];
  return {
    ...fitted,
    ...{ real: a.fitted.length, generated: b.fitted.length, auc: areaUnderCurve(of, other) },
    ...{ keptReal: shareKept(of), keptGenerated: shareKept(other) },
  };
}

function parted(prompts: readonly string[]) {
  return {
    fitted: prompts.filter((_, i) => i % heldOutEvery !== 0),
    held: prompts.filter((_, i) => i % heldOutEvery === 0),
  };
}

function shareKept(probabilities: readonly number[]): number {
  return probabilities.filter((p) => p >= 0.5).length / probabilities.length;
}

function inWords({ real, generated, auc, keptReal, keptGenerated }: Discriminator): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  return `${real} prompts and ${generated} generated ones; on others AUC ${auc.toFixed(3)}, keeps ${percent(keptReal)} and ${percent(keptGenerated)}`;
}

function tooFew(count: number): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `${count} different records have one question of at most ${generation.maxTokens} tokens and its answer; a kit needs ${seedCount + fewestPrompts}`,
    hint: 'conversations of one turn, or prompts with completions, can be moved to another base',
  });
}

function tooFewGenerated(name: string, found: number, tries: number): UserError {
  return new UserError({
    code: 'E_INVALID_DATA',
    message: `${name} continued the seeds by ${found} lines in ${tries} tries; the discriminator needs ${fewestPrompts}`,
    hint: 'the base does not go on with examples of this task; its adapter cannot be moved by them',
  });
}
