// From a checkpoint to artefacts on this disk: builds the trained model once, then writes each
// form, reads it back and compares it before it gets its final name, and hashes its files.
import { join } from 'node:path';
import { AnnealError } from '../../crds/failures/errors.ts';
import { choosesPlaces } from '../../crds/methods/adapter-traits.ts';
import { isAdapterForm, isIntegerForm } from '../../crds/names/result-folders.ts';
import { formatsOf, ggufTypeOf } from '../../crds/plan/publication.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import { readPrunedBase } from '../decoder/pruned-base.ts';
import type { Model } from '../engine/model.ts';
import { replaceFolder } from '../remote/destination.ts';
import type { RoleContext } from '../role.ts';
import { trimMemory } from '../tensor/memory.ts';
import { keep } from '../tensor/scope.ts';
import { aqlmArtifact } from './aqlm.ts';
import type { ArtifactFacts, ArtifactFormat, ArtifactWriter } from './artifact.ts';
import { ColumnImportance } from './calibration.ts';
import { compressedTensorsArtifact } from './compressed-tensors.ts';
import { questionsOf } from './evaluate-artifact.ts';
import { ggufAdapterArtifact } from './gguf-adapter.ts';
import { ggufArtifact } from './gguf-artifact.ts';
import { integerBaseArtifact } from './integer-base.ts';
import { kasaArtifact } from './kasa.ts';
import { mergedArtifact } from './merged.ts';
import { mixLoraArtifact } from './mixlora.ts';
import { repositoryCard } from './model-card.ts';
import { peftArtifact } from './peft.ts';
import { publishPictures } from './pictures.ts';
import { prunedArtifact } from './pruned.ts';
import { quantizedArtifact } from './quantized-artifact.ts';
import { randLoraArtifact } from './randlora.ts';
import { checkLogits } from './reload-check.ts';
import { digestOfResult, type ResultFile, resultFiles } from './result-files.ts';
import { shiraArtifact } from './shira.ts';
import { openTrainedModel, type TrainedRecords } from './trained-model.ts';
import { type Trained, writeChecked } from './write-checked.ts';

export interface WrittenArtifact {
  readonly format: ArtifactFormat;
  /** Name of its folder in the destination. */
  readonly folder: string;
  readonly files: readonly ResultFile[];
  readonly reported: RunReport['artifacts'][number];
}

interface Written {
  readonly artifacts: readonly WrittenArtifact[];
  /** README.md for a destination with all of them. */
  readonly card: string;
  /** Pictures before and after, by paths in the destination. */
  readonly pictures: readonly ResultFile[];
  /** Of weights that were rounded to formats of their own. */
  readonly formats: RunReport['formats'];
}

export async function writeArtifacts(
  { run, prepared, trained }: TrainedRecords,
  destination: string,
  context: RoleContext,
): Promise<Written> {
  using opened = await openTrainedModel(context.folder, { run, prepared, trained });
  const { method, files, model, initial } = opened;
  const cut = readPrunedBase(files.headers, prepared.model.pruning);
  using reference = keep(checkLogits(model));
  const facts: ArtifactFacts = {
    ...{ run, prepared, method, files, model, initial, cut },
    report: trained.report,
  };
  const questions = await questionsOf(facts, trained, context);
  const artifacts: WrittenArtifact[] = [];
  for (const writer of writersOf(facts, context)) {
    context.stop.throwIfAborted();
    using unfinished = new DisposableStack();
    unfinished.defer(() => writer.dispose?.());
    artifacts.push(await writeOne(context, writer, destination, { facts, reference, questions }));
  }
  const pictures = await publishPictures(facts, destination, context.stop);
  const card = repositoryCard(facts, artifacts);
  return { artifacts, card, pictures, formats: formatsOfModules(model) };
}

async function writeOne(
  context: RoleContext,
  writer: ArtifactWriter,
  destination: string,
  trained: Trained,
): Promise<WrittenArtifact> {
  const { emit, stop } = context;
  const { format, folder, contents } = writer;
  const { facts } = trained;
  const own = isAdapterForm(format) ? { ...trained, facts: forWhole(facts) } : trained;
  const path = join(destination, folder);
  emit({ type: 'stage', stage: 'Export', state: 'Started', subject: format });
  const { bytes, reload, evaluation } = await replaceFolder(
    path,
    (partial) => writeChecked(context, writer, partial, own),
    (error) => error instanceof AnnealError && error.code === 'E_EVALUATION_GATE',
  );
  // Frees the memory of the copy: its files are read next for their digests, and the next form has
  // its own copy.
  trimMemory();
  emit({ type: 'artifact', format, path, bytes, report: reload, evaluation });
  for (const { message } of evaluation.findings) {
    emit({ type: 'warning', reason: 'EvaluationGate', message });
  }
  emit({ type: 'stage', stage: 'Export', state: 'Done', subject: format });
  const files = await resultFiles(path, stop);
  const digest = digestOfResult(files);
  const told = contents === undefined ? {} : { contents };
  const reported = { format, path, bytes, digest, ...told, reload, evaluation };
  return { format, folder, files, reported };
}

/** The forms that the job asks for; by default the adapter where there is one, else the model. */
function writersOf(all: ArtifactFacts, context: RoleContext): readonly ArtifactWriter[] {
  const { gguf, quantization, pruning } = all.run.spec.output;
  return [...new Set(formatsOf(all.run.spec))].map((format) => {
    const facts = isAdapterForm(format) ? forWhole(all) : all;
    if (pruning !== undefined) return prunedArtifact(facts, pruning, context);
    if (format === 'PEFTAdapter' && choosesPlaces(facts.method)) {
      return shiraArtifact(facts);
    }
    if (format === 'PEFTAdapter' || format === 'UniformPEFTAdapter') {
      return facts.method.adapter.type === 'RandLoRA'
        ? randLoraArtifact(facts)
        : peftArtifact(facts, format);
    }
    if (format === 'GGUFAdapter') return ggufAdapterArtifact(facts);
    if (format === 'MixLoRA') return mixLoraArtifact(facts);
    if (format === 'KaSA') return kasaArtifact(facts);
    if (format === 'AQLM') return aqlmArtifact(facts);
    if (isIntegerForm(format)) {
      if (quantization !== undefined) {
        return quantizedArtifact(facts, format, quantization, context);
      }
      return facts.method.base.type === 'Integer'
        ? integerBaseArtifact(facts)
        : compressedTensorsArtifact(facts);
    }
    if (format !== 'GGUF') return mergedArtifact(facts);
    const { calibrationSequences: count } = gguf;
    return ggufArtifact(
      facts,
      ggufTypeOf(facts.run.spec),
      count === 0 ? null : new ColumnImportance(facts, count, context),
    );
  });
}

/** An adapter that was trained on a pruned base is for the whole one. */
function forWhole(facts: ArtifactFacts): ArtifactFacts {
  const { cut, prepared } = facts;
  if (!cut) return facts;
  return { ...facts, prepared: { ...prepared, model: { ...prepared.model, ...cut.base } } };
}

function formatsOfModules({ onGrid }: Model): RunReport['formats'] {
  const formats = onGrid?.grid.adaptive?.formats;
  return (
    formats && [...formats].map(([module, { bits, fraction }]) => ({ module, bits, fraction }))
  );
}
