// The role `synthesize`: makes the records that the job of a transfer trains on, from the kit of
// the adapter and both bases, which it holds at the same time. What is finished lies in a log, so
// after a kill it goes on where it was and ends with the same bytes.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { recordsOf } from '../../crds/api/dataset.ts';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import {
  type Candidate,
  type SyntheticRecord,
  syntheticRecord,
  type TransferKit,
  type TransferRecord,
  transferFiles,
  transferRecord,
} from '../../crds/wire/transfer.ts';
import { AtomicFile } from '../files/atomic-file.ts';
import { environmentOf } from '../prepare/environment.ts';
import { digestOfResult, resultFiles } from '../publish/result-files.ts';
import type { Role, RoleContext } from '../role.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';
import { loadAdapter } from '../serve/served-adapter.ts';
import { setThreads } from '../tensor/threads.ts';
import { CandidateLog } from './candidate-log.ts';
import { together } from './decode-texts.ts';
import { readKit, requireBase } from './kit-file.ts';
import { tellMemory } from './memory-plan.ts';
import { openBase, resolveBase } from './open-base.ts';
import { makeBatch, type Synthesis } from './synthesize.ts';
import { recordLine } from './task-record.ts';

export const synthesizeRole: Role = async (context) => {
  const { folder, emit, stop } = context;
  const record = await requireRecord(folder, transferFiles.transfer, transferRecord);
  const { spec, device } = record;
  setThreads(record.threads);
  const data = await environmentOf(record, context, 'data');
  const { kit, sha256 } = await readKit(recordsOf(spec.job.dataset), data, stop);
  const from = await resolveBase(spec.from.model, record, context);
  const to = await resolveBase(spec.job.model, record, context);
  requireBase(kit, from.digest, from.origin);
  const adapter = adapterFolder(record);
  const inputs = digestOf({
    ...{ record: record.digest, kit: sha256, from: from.digest, to: to.digest, together, device },
    adapter: digestOfResult(await resultFiles(adapter, stop)),
  });
  const done = await readRecord(folder, transferFiles.synthetic, syntheticRecord);
  if (done?.inputs === inputs) return;
  if (done !== null) throw changedSince(folder);
  await tellMemory({ record, kit, from, to, adapter }, context);
  const date = new Date(record.createdAt);
  const { form } = kit;
  using target = await openBase(to, device, { form: plainForm, date }, context);
  using teacher = await openBase(from, device, { form, date, ...templateOf(kit) }, context);
  const base = { model: teacher.model, digest: teacher.digest, acceptsUnnamed: true };
  using loaded = await loadAdapter('of spec.from', adapter, base);
  await mkdir(join(folder, transferFiles.folder), { recursive: true });
  const path = join(folder, transferFiles.folder, transferFiles.candidates);
  await using log = await CandidateLog.open(path, inputs);
  await fill(log, { spec, kit, target, teacher, adapter: loaded, signal: stop }, context);
  const made = await write(folder, kit, spec, log.candidates);
  emit({ type: 'stage', stage: 'Prepare', state: 'Done', note: inWords(made, log.candidates) });
  if (made.train < spec.samples) {
    const message = `${made.train} records to train on were made of ${spec.maxCandidates} candidates; spec.samples is ${spec.samples}`;
    emit({ type: 'warning', reason: 'FewSamples', message });
  }
  await writeRecord(folder, transferFiles.synthetic, syntheticRecord, { ...made, inputs });
};

/** A job may have begun to train on what was made before. */
function changedSince(folder: string): TerminalError {
  return new TerminalError({
    code: 'E_PLAN_MISMATCH',
    message: `the adapter, the kit, a base or the device is another one than that which the records in ${folder} were made with`,
    hint: 'start the transfer anew, with --fresh',
  });
}

/** The new base makes prompts alone. */
const plainForm = { type: 'PromptCompletion', ending: '' } as const;

export function adapterFolder({ folder, spec, volumes, cache }: TransferRecord): string {
  const { local, persistentVolumeClaim: claim } = spec.from.adapter;
  if (local !== undefined) return resolve(folder, local.path);
  if (claim === undefined) throw new Bug('an adapter without a place');
  const { claimName, path } = claim;
  return join(volumes[claimName] ?? join(cache, 'volumes', claimName), path);
}

export function templateOf({ form }: Pick<TransferKit, 'form'>) {
  if (form.type !== 'Chat') return {};
  const { chatTemplate, chatTemplateArguments } = form;
  return { chatTemplate, chatTemplateArguments };
}

async function fill(
  log: CandidateLog,
  synthesis: Synthesis,
  { emit, stop }: RoleContext,
): Promise<void> {
  const { spec, kit } = synthesis;
  const wanted = spec.samples + spec.heldOut;
  const report = { type: 'stage', stage: 'Prepare', subject: 'synthetic records' } as const;
  for (;;) {
    stop.throwIfAborted();
    const kept = keptOf(log.candidates);
    const first = log.candidates.length;
    const progress = {
      done: Math.min(kept.length, wanted),
      total: wanted,
      unit: 'Records',
    } as const;
    emit({ ...report, state: 'Running', ...progress, note: `of ${first} candidates` });
    const count = Math.min(together, spec.maxCandidates - first);
    if (kept.length >= wanted || count === 0) return;
    const known = new Set([...kit.seeds, ...kept.map(({ prompt }) => prompt)]);
    await log.append(await makeBatch(synthesis, { first, count, known }));
  }
}

type Kept = Extract<Candidate, { prompt: string }>;

function keptOf(candidates: readonly Candidate[]): readonly Kept[] {
  return candidates.filter((one): one is Kept => 'prompt' in one);
}

/** Held-out ones are the first, so that they stay the same for more samples. */
async function write(
  folder: string,
  { form }: TransferKit,
  { heldOut, samples, maxCandidates }: TransferRecord['spec'],
  candidates: readonly Candidate[],
): Promise<Omit<SyntheticRecord, 'inputs'>> {
  const kept = keptOf(candidates).slice(0, heldOut + samples);
  const refused: Partial<Record<string, number>> = {};
  for (const one of candidates) {
    if ('refused' in one) refused[one.refused] = (refused[one.refused] ?? 0) + 1;
  }
  if (kept.length <= heldOut) throw tooFew(kept.length, heldOut, maxCandidates, refused);
  const file = async (name: string, some: readonly Kept[]): Promise<string> => {
    await using written = await AtomicFile.create(join(folder, transferFiles.folder, name));
    for (const { prompt, answer } of some) {
      await written.write(Buffer.from(recordLine(form, prompt, answer)));
    }
    return (await written.commit()).sha256;
  };
  return {
    ...{ version: 1, form, candidates: candidates.length, refused },
    ...{ train: kept.length - heldOut, heldOut },
    meanProbability: kept.reduce((sum, { probability }) => sum + probability, 0) / kept.length,
    files: {
      train: await file(transferFiles.train, kept.slice(heldOut)),
      heldOut: await file(transferFiles.heldOut, kept.slice(0, heldOut)),
    },
  };
}

function inWords(
  { train, heldOut, refused }: Omit<SyntheticRecord, 'inputs'>,
  all: readonly unknown[],
) {
  return `${train} records to train on and ${heldOut} held out, of ${all.length} candidates; ${reasons(refused)}`;
}

function reasons(refused: Partial<Record<string, number>>): string {
  const told = Object.entries(refused).map(
    ([reason, count]) => `${count} ${words[reason] ?? reason}`,
  );
  return told.length === 0 ? 'none refused' : `refused: ${told.join(', ')}`;
}

const words: Readonly<Record<string, string>> = {
  Endless: 'without an end',
  Empty: 'empty',
  Repeated: 'repeated',
  Unlike: 'unlike the task',
  TooLong: 'too long',
  EndlessAnswer: 'with an answer without an end',
  EmptyAnswer: 'with an empty answer',
};

function tooFew(
  kept: number,
  heldOut: number,
  most: number,
  refused: Partial<Record<string, number>>,
): TerminalError {
  return new TerminalError({
    code: 'E_INVALID_DATA',
    message: `${kept} of ${most} candidates were kept, and ${heldOut} are to be held out; none is left to train on (${reasons(refused)})`,
    hint: 'raise spec.maxCandidates, or lower spec.minProbability',
  });
}
