// The role `compare`: asks the new adapter and the new base, and where there are tests the old
// adapter too, and keeps the new one from being published where it is worse than the gate allows.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  trainedRecord,
} from '../../crds/wire/run-folder.ts';
import {
  type ComparisonRecord,
  comparisonRecord,
  type SyntheticRecord,
  syntheticRecord,
  type TransferRecord,
  transferFiles,
  transferRecord,
  transferReport,
} from '../../crds/wire/transfer.ts';
import { openModel } from '../decoder/model-files.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import { environmentOf } from '../prepare/environment.ts';
import { readBatches } from '../prepare/read-batches.ts';
import { type ResolvedSource, resolveData } from '../prepare/resolve-source.ts';
import { openTrainedModel } from '../publish/trained-model.ts';
import { destinationFolder } from '../remote/destination.ts';
import type { Role, RoleContext } from '../role.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';
import { loadAdapter } from '../serve/served-adapter.ts';
import { setThreads } from '../tensor/threads.ts';
import { together } from './decode-texts.ts';
import { openBase, resolveBase } from './open-base.ts';
import { refusalOf, scoreOf } from './score.ts';
import { answersTo, teacherAnswers } from './synthesize.ts';
import { adapterFolder, templateOf } from './synthesize-role.ts';
import { type TaskPrompts, taskPromptsOf } from './task-prompts.ts';
import { taskRecordOf } from './task-record.ts';

/** A prompt, and what should be answered. */
interface Test {
  readonly prompt: string;
  readonly reference: string;
}

type Answers = ReadonlyMap<string, string | null>;

export const compareRole: Role = async (context) => {
  const { folder, emit } = context;
  const record = await requireRecord(folder, transferFiles.transfer, transferRecord);
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const synthetic = await requireRecord(folder, transferFiles.synthetic, syntheticRecord);
  setThreads(record.threads);
  const known = await readRecord(folder, transferFiles.comparison, comparisonRecord);
  const source = await testSource(context, record);
  const comparison =
    known?.records === source.digest
      ? known
      : await compared(context, { record, run, synthetic, source });
  await writeRecord(folder, transferFiles.comparison, comparisonRecord, comparison);
  const { student, teacher, base } = comparison;
  const note = `overlap ${student.overlap.toFixed(3)}, of the old adapter ${teacher.overlap.toFixed(3)}, of the base ${base.overlap.toFixed(3)}`;
  emit({ type: 'stage', stage: 'Evaluate', state: 'Done', subject: 'both adapters', note });
  const { gate, from } = record.spec;
  const refusal = gate === undefined ? null : refusalOf(comparison, Number(gate.minRelative));
  if (refusal !== null) throw refusal;
  const destination = destinationFolder(run, folder);
  await mkdir(destination, { recursive: true });
  const resolved = await resolveBase(from.model, record, context);
  await writeRecord(destination, transferFiles.report, transferReport, {
    ...{ version: 1, synthetic, comparison },
    from: { base: resolved.digest, adapter: adapterFolder(record) },
  });
};

interface Comparing {
  readonly record: TransferRecord;
  readonly run: RunRecord;
  readonly synthetic: SyntheticRecord;
  /** Records with the references. */
  readonly source: ResolvedSource;
}

async function compared(context: RoleContext, comparing: Comparing): Promise<ComparisonRecord> {
  const { record, source } = comparing;
  const on = record.spec.gate?.tests === undefined ? 'HeldOut' : 'Tests';
  const tests = await testsOf(context, comparing);
  const score = (answers: Answers) =>
    scoreOf(
      tests.map(({ prompt, reference }) => ({ answer: answers.get(prompt) ?? null, reference })),
    );
  const asked = tests.map(({ prompt }) => prompt);
  const teacher =
    on === 'HeldOut' ? { overlap: 1, exact: 1 } : score(await ofTeacher(context, comparing, asked));
  const { student, base } = await ofStudent(context, comparing, asked);
  const [one, other] = [score(student), teacher];
  return {
    ...{
      version: 1,
      on,
      records: source.digest,
      prompts: tests.length,
      teacher,
      student: one,
      base: score(base),
    },
    ...(other.overlap > 0 && { relative: one.overlap / other.overlap }),
  };
}

async function testSource(context: RoleContext, record: TransferRecord): Promise<ResolvedSource> {
  const { gate } = record.spec;
  const tests = gate?.tests ?? {
    local: { path: join(context.folder, transferFiles.folder, transferFiles.heldOut) },
  };
  const place = await environmentOf(record, context, 'data');
  return resolveData(tests, 'spec.gate.tests', place, context.stop);
}

async function testsOf(context: RoleContext, { run, source }: Comparing): Promise<readonly Test[]> {
  const { format } = run.spec.dataset;
  const rules = { files: source.files, format, hasTemplate: true, onBytes: () => {} };
  const { batches } = await readBatches(rules, context.stop);
  const found = new Map<string, string>();
  for await (const { items } of batches) {
    for (const item of items) {
      const one = 'sample' in item ? taskRecordOf(item.sample) : null;
      if (one !== null && !found.has(one.prompt)) found.set(one.prompt, one.answer);
    }
  }
  return [...found].map(([prompt, reference]) => ({ prompt, reference }));
}

async function ofTeacher(
  context: RoleContext,
  { record, synthetic }: Comparing,
  asked: readonly string[],
): Promise<Answers> {
  const { spec, device } = record;
  const source = await resolveBase(spec.from.model, record, context);
  const { form } = synthetic;
  const date = new Date(record.createdAt);
  using teacher = await openBase(source, device, { form, date, ...templateOf({ form }) }, context);
  const base = { model: teacher.model, digest: teacher.digest, acceptsUnnamed: true };
  using adapter = await loadAdapter('of spec.from', adapterFolder(record), base);
  const signal = context.stop;
  const shared = { spec, teacher, adapter, signal };
  return await inTurns(context, 'the old adapter', asked, (some) => teacherAnswers(shared, some));
}

async function ofStudent(
  context: RoleContext,
  { record, run, synthetic }: Comparing,
  asked: readonly string[],
): Promise<{ readonly student: Answers; readonly base: Answers }> {
  const prepared = await requireRecord(context.folder, runFiles.prepared, preparedRecord);
  const trained = await requireRecord(context.folder, runFiles.trained, trainedRecord);
  const { chatTemplate, chatTemplateArguments } = run.spec.dataset;
  const date = new Date(run.createdAt);
  const template = { chatTemplate, chatTemplateArguments };
  const shared = { maxTokens: record.spec.answerTokens, signal: context.stop };
  const promptsFor = (headers: Parameters<typeof taskPromptsOf>[0]): Promise<TaskPrompts> =>
    taskPromptsOf(headers, { form: synthetic.form, date, ...template });
  const of = async (
    who: string,
    model: Parameters<typeof answersTo>[1]['model'],
    prompts: TaskPrompts,
  ) => inTurns(context, who, asked, (some) => answersTo(some, { model, prompts, ...shared }));
  const student = await (async () => {
    using opened = await openTrainedModel(context.folder, { run, prepared, trained });
    return await of('the new adapter', opened.model, await promptsFor(opened.files.headers));
  })();
  using files = openModel(prepared.model.path);
  const { sequenceLength } = run.spec.dataset;
  const base = frozenModel(modelSource(files), { dtype: 'float32', sequenceLength });
  using _parameters = base.parameters;
  return { student, base: await of('the new base', base, await promptsFor(files.headers)) };
}

async function inTurns(
  { emit }: Pick<RoleContext, 'emit'>,
  who: string,
  asked: readonly string[],
  answer: (some: readonly string[]) => Promise<Answers>,
): Promise<Answers> {
  const found = new Map<string, string | null>();
  const report = { type: 'stage', stage: 'Evaluate', subject: who, unit: 'Records' } as const;
  for (let first = 0; first < asked.length; first += together) {
    emit({ ...report, state: 'Running', done: first, total: asked.length });
    for (const [prompt, text] of await answer(asked.slice(first, first + together))) {
      found.set(prompt, text);
    }
  }
  return found;
}
