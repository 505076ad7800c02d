// The role `prepare`: from the sources of a job to a local model and a token store. Does not load
// libtorch: on a cluster it runs before a device is allocated.
import { join } from 'node:path';
import { recordsOf } from '../../crds/api/dataset.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { prepareDigest } from '../../crds/plan/prepare-digest.ts';
import { requireSearch } from '../../crds/plan/require-search.ts';
import { requireTask } from '../../crds/plan/require-task.ts';
import { podVariable } from '../../crds/wire/pod.ts';
import { pruningFile } from '../../crds/wire/pruned-model.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { chooseHeldOut } from '../data/held-out.ts';
import type { StoreManifest } from '../data/store-manifest.ts';
import type { TokenStore } from '../data/token-store.ts';
import { type ModelOnDisk, readModelHeaders } from '../decoder/model-headers.ts';
import { readPrunedBase } from '../decoder/pruned-base.ts';
import type { ModelConfig } from '../families/family.ts';
import { readOptionsOf } from '../families/read-options.ts';
import { destinationFolder, requireApart, requireWritable } from '../remote/destination.ts';
import { uploadTargets } from '../remote/upload-targets.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { classTexts } from './class-texts.ts';
import { missingClasses, requireShots, requireTwoClasses } from './classes.ts';
import {
  datasetInput,
  formatOf,
  isOfClips,
  isOfPictures,
  isOfSounds,
  isOfTargets,
} from './dataset-input.ts';
import { environmentOf } from './environment.ts';
import { type PrepareTools, prepareDataset } from './prepare.ts';
import { prepareReporter } from './progress.ts';
import { requireNoTemplate } from './read-batches.ts';
import { requirePrunable } from './require-prunable.ts';
import { resolveClips } from './resolve-clips.ts';
import { resolvePictures } from './resolve-pictures.ts';
import { resolveSounds } from './resolve-sounds.ts';
import {
  modelPath,
  type ResolveData,
  type ResolvedSource,
  resolveData,
  resolveModel,
} from './resolve-source.ts';
import { resolveTargets } from './resolve-targets.ts';
import { fetchHasChatTemplate } from './source-headers.ts';
import { storeSummary } from './store-summary.ts';

export const prepareRole: Role = async (context) => {
  const run = await requireRecord(context.folder, runFiles.run, runRecord);
  const { model: modelSpec } = run.spec;
  const { emit, stop } = context;
  await requireDestination(run, context);
  const early = await dataBeforeModel(run, context);
  emit({ type: 'stage', stage: 'Resolve', state: 'Started', subject: 'model' });
  const model = await resolveModel(modelSpec, await environmentOf(run, context, 'model'), stop);
  emit({ type: 'stage', stage: 'Resolve', state: 'Done', subject: 'model', note: model.origin });
  const path = modelPath(model);
  await requireModelApart(run, context, path);
  const headers = readModelHeaders(path, readOptionsOf(run.spec));
  requireTask(run.spec, headers.config);
  requireSearch(run.spec, headers.config.family);
  warnOfDropout(headers.config, emit);
  requirePrunable(run.spec, readPrunedBase(headers));
  await writeRecord(context.folder, runFiles.prepared, preparedRecord, {
    version: 1,
    request: prepareDigest(run.spec),
    model: { path, name: nameOf(run, model), digest: model.digest, ...pruningOf(model) },
    data:
      run.spec.dataset.train === undefined
        ? noRecords
        : await preparedData(context, run, headers, early),
  });
};

/** Where a model makes pictures, there is nothing but classes and noise that the seed draws. */
const noRecords: PreparedRecord['data'] = {
  digest: digestOf({ records: 'None' }),
  ...{ samples: 0, heldOutSamples: 0, skipped: {}, tokens: 0, targetTokens: 0 },
};

async function preparedData(
  context: RoleContext,
  run: RunRecord,
  headers: ModelOnDisk,
  early: ResolvedSource | undefined,
): Promise<PreparedRecord['data']> {
  const { dataset } = run.spec;
  const { emit, stop } = context;
  const data = await environmentOf(run, context, 'data');
  const warn = (message: string) => emit({ type: 'warning', reason: 'Prepare', message });
  const date = new Date(run.createdAt);
  // Before the data are fetched: what is wrong with the files of the model is known here.
  const inputOf = await datasetInput(run.spec, headers, date, warn);
  const texts = await classTexts(run.spec, headers);
  const resolve = resolverOf(run.spec);
  const train = early ?? (await resolve(recordsOf(dataset), 'spec.dataset.train', data, stop));
  emit({ type: 'stage', stage: 'Resolve', state: 'Done', subject: 'data', note: train.origin });
  const tokenise = async (source: ResolvedSource): Promise<TokenStore> =>
    prepareDataset(inputOf(source), tools(context, run), stop);
  emit({ type: 'stage', stage: 'Prepare', state: 'Started', subject: train.origin });
  using store = await tokenise(train);
  emit({ type: 'stage', stage: 'Prepare', state: 'Done', note: storeSummary(store.manifest) });
  requireTwoClasses(store.manifest, dataset.labels ?? []);
  checkClasses(store.manifest, 'spec.dataset.train', run, context);
  using held =
    dataset.eval === undefined
      ? null
      : await tokenise(await resolve(dataset.eval, 'spec.dataset.eval', data, stop));
  if (held !== null) checkClasses(held.manifest, 'spec.dataset.eval', run, context);
  const amount = held === null ? heldOutAmount(run) : undefined;
  requireShots(dataset, store, new Set(chooseHeldOut(store.manifest.samples, amount)));
  const { samples, tokens, targetTokens, skipped, digest } = store.manifest;
  return {
    train: store.folder,
    ...(held === null ? {} : { evaluation: held.folder }),
    ...{ digest, samples, skipped, tokens, targetTokens },
    ...(texts && { classTexts: texts }),
    heldOutSamples: held?.manifest.samples ?? chooseHeldOut(samples, heldOutAmount(run)).length,
  };
}

function resolverOf(spec: RunRecord['spec']): ResolveData {
  if (isOfTargets(spec)) return resolveTargets;
  if (isOfClips(spec)) return resolveClips;
  if (isOfSounds(spec)) return resolveSounds;
  return isOfPictures(spec) ? resolvePictures : resolveData;
}

function checkClasses(
  manifest: StoreManifest,
  field: string,
  { spec }: RunRecord,
  { emit }: RoleContext,
): void {
  const missing = missingClasses(manifest, spec.dataset.labels ?? []);
  if (missing === undefined) return;
  emit({ type: 'warning', reason: 'Prepare', message: `${field}: ${missing}` });
}

/**
 * Where the model has no chat template, checks the data first: conversations then end the job, and
 * gigabytes of weights need not be fetched for that.
 */
async function dataBeforeModel(
  run: RunRecord,
  context: RoleContext,
): Promise<ResolvedSource | undefined> {
  const { dataset, model } = run.spec;
  const { stop } = context;
  if (isOfPictures(run.spec) || isOfSounds(run.spec)) return undefined;
  const format = formatOf(dataset);
  const needsOne = format === 'Chat' || format === 'Auto';
  if (dataset.chatTemplate !== undefined || !needsOne) return undefined;
  const place = await environmentOf(run, context, 'model');
  if (await fetchHasChatTemplate(model, place, stop)) return undefined;
  const data = await environmentOf(run, context, 'data');
  const train = await resolveData(recordsOf(dataset), 'spec.dataset.train', data, stop);
  await requireNoTemplate({ files: train.files, format }, stop);
  return train;
}

async function requireDestination(run: RunRecord, context: RoleContext): Promise<void> {
  const inPod = context.config.variables[podVariable.jobUid] !== undefined;
  // In a cluster only the publishing pod has the credentials for an upload.
  if (!inPod) uploadTargets(run.spec, await environmentOf(run, context, 'result'));
  if (isDestinationHere(run)) await requireWritable(destinationFolder(run, context.folder));
}

/** A claim used only for results is not mounted where data is prepared. */
function isDestinationHere({ spec, volumes }: RunRecord): boolean {
  const claim = spec.output.destination?.persistentVolumeClaim?.claimName;
  const isElsewhere = claim !== undefined && Object.keys(volumes).length > 0;
  return !isElsewhere || claim in volumes;
}

async function requireModelApart(run: RunRecord, { folder }: RoleContext, path: string) {
  if (!isDestinationHere(run)) return;
  await requireApart(destinationFolder(run, folder), path);
}

/** Decoders with dropout are refused. */
function warnOfDropout({ dropout = 0 }: ModelConfig, emit: RoleContext['emit']): void {
  if (dropout === 0) return;
  const message = `config.json names a dropout of ${dropout}, which is left out: the base is trained whole`;
  emit({ type: 'warning', reason: 'Prepare', message });
}

/** `heldOut` with its decimal as a number. */
export function heldOutAmount({ spec }: RunRecord) {
  const { heldOut } = spec.dataset;
  if (heldOut === undefined) return undefined;
  const { samples, percent } = heldOut;
  return { samples, percent: percent === undefined ? undefined : Number(percent) };
}

function tools({ clock, emit }: RoleContext, run: RunRecord): PrepareTools {
  return {
    folder: join(run.cache, 'tokens'),
    threads: run.threads,
    clock,
    onProgress: prepareReporter(emit, clock),
    onWarning: (message) => emit({ type: 'warning', reason: 'Prepare', message }),
  };
}

function pruningOf({ files }: ResolvedSource) {
  const file = files.find(({ path }) => path === pruningFile);
  return file === undefined ? {} : { pruning: file.sha256 };
}

/** The name of the base for PEFT: its repository where there is one. */
function nameOf({ spec }: RunRecord, { files, origin }: ResolvedSource): string {
  const { huggingFace } = spec.model.source;
  if (huggingFace !== undefined) return huggingFace.repository;
  const gguf = files.find(({ path }) => path.endsWith('.gguf'));
  return gguf?.path.replace(/^.*\//, '') ?? origin;
}
